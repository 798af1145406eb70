// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly RwSem _sem = new();

    void A()
    {
        _mu.AssertHeld();
        _mu.Lock(); // KS1005
    }

    void B()
    {
        _sem.AssertRead();
        _sem.DownRead(); // KS1005
    }
}
