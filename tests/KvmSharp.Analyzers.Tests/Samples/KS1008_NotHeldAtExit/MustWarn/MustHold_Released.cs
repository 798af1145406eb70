// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly RwSem _sem = new();

    [MustHold("_mu")]
    void A()
    {
        _mu.Unlock();
    } // KS1008

    [MustHoldShared("_sem")]
    int B(int x)
    {
        _sem.UpRead();
        if (x == 0)
            return 0; // KS1008
        _sem.DownRead();
        return 1;
    }
}
