// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    private readonly object _gate = new();
    [GuardedBy("_gate")] private int _count;

    public int Count() => _count; // KS1001

    public int Twice()
    {
        int a = _count; // KS1001
        lock (_gate)
        {
            a += _count;
        }

        return a + _count; // KS1001
    }
}
