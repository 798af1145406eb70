// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    private readonly object _gate = new();
    [GuardedBy("_gate")] private int _count;

    public int Count()
    {
        lock (_gate)
        {
            return _count;
        }
    }

    [MustHold("_gate")]
    private int CountLocked() => _count;

    [MustHoldShared("_gate")]
    private int CountShared() => _count + 1;

    public string Name() => nameof(_count);
}
