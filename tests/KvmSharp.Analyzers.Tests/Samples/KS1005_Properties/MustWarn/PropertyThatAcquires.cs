// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    public bool Held
    {
        [Acquires("_mu")]
        [ContextUnsafe("implementation")]
        get => true;
    }

    void A()
    {
        _mu.Lock();
        Use(Held); // KS1005
        _mu.Unlock();
    }

    void B()
    {
        Use(Held);
        _mu.Unlock();
    }
}
