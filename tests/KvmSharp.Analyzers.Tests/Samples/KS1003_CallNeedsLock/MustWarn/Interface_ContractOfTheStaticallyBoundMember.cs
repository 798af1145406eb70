// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface IStore
{
    KMutex Mu { get; }

    [MustHold("Mu")]
    void Save();
}

class Store : IStore
{
    public KMutex Mu { get; } = new();

    public void Save()
    {
    }
}

class User
{
    void A(IStore store) => store.Save(); // KS1003

    void B(Store store) => store.Save(); // KS1003

    void C(IStore store)
    {
        store.Mu.Lock();
        store.Save();
        store.Mu.Unlock();
    }

    void D(Store store)
    {
        store.Mu.Lock();
        store.Save();
        store.Mu.Unlock();
    }
}
