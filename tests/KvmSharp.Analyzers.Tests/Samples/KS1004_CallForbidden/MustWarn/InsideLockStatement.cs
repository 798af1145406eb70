// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly object _gate = new();

    [MustNotHold("_gate")]
    void Evict()
    {
        lock (_gate)
        {
        }
    }

    void A()
    {
        lock (_gate)
            Evict(); // KS1004
    }

    void B()
    {
        Monitor.Enter(_gate);
        Evict(); // KS1004
        Monitor.Exit(_gate);
        Evict();
    }
}
