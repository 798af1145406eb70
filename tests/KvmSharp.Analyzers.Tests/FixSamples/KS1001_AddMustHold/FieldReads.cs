// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    private readonly object _gate = new();
    [GuardedBy("_gate")] private int _count;

    // keep: a comment above
    private int Count() => _count; // keep: a comment behind

    private int Twice()
    {
        int a = _count;
        return a + _count;
    }

    public int Level
    {
        get { return _count; }
    }

    private static int Of(Cache cache) => cache._count;
}
// ==== fixed
class Cache
{
    private readonly object _gate = new();
    [GuardedBy("_gate")] private int _count;

    // keep: a comment above
    [MustHoldShared("_gate")]
    private int Count() => _count; // keep: a comment behind

    [MustHoldShared("_gate")]
    private int Twice()
    {
        int a = _count;
        return a + _count;
    }

    public int Level
    {
        [MustHoldShared("_gate")]
        get { return _count; }
    }

    [MustHoldShared("cache._gate")]
    private static int Of(Cache cache) => cache._count;
}
