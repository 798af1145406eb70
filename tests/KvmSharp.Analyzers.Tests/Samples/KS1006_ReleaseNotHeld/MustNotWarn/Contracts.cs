// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly RwSem _sem = new();

    [Releases("_mu")]
    void A() => _mu.Unlock();

    [ReleasesShared("_sem")]
    void B() => _sem.UpRead();

    [MustHold("_mu")]
    void C()
    {
        _mu.Unlock();
        UseInt(1);
        _mu.Lock();
    }
}
