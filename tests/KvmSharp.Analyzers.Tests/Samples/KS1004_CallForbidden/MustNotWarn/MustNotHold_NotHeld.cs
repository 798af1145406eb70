// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();

    [MustNotHold("_mu")]
    void Slow()
    {
        _mu.Lock();
        _mu.Unlock();
    }

    void A()
    {
        Slow();
        _other.Lock();
        Slow();
        _other.Unlock();
    }

    void B(Work w)
    {
        w._mu.Lock();
        Slow();
        w._mu.Unlock();
    }
}
