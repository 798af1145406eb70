// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly RwSem _sem = new();

    [Acquires("_mu")]
    void A()
    {
        _mu.Lock();
    }

    [AcquiresShared("_sem")]
    void B() => _sem.DownRead();

    [MustHold("_mu")]
    void C()
    {
    }

    void D()
    {
        _mu.AssertHeld();
    }
}
