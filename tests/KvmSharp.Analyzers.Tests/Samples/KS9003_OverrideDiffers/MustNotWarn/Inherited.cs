// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface IStore
{
    KMutex Mu { get; }

    [MustHold("Mu")]
    void Save();

    [MustCheck]
    int Load();

    void Plain();
}

class Store : IStore
{
    public KMutex Mu { get; } = new();
    [GuardedBy("Mu")] int _x;

    public void Save() => _x++;

    public int Load() => 1;

    public void Plain()
    {
    }
}

class Explicit : IStore
{
    public KMutex Mu { get; } = new();
    [GuardedBy("Mu")] int _x;

    void IStore.Save() => _x++;

    int IStore.Load() => 1;

    void IStore.Plain()
    {
    }
}
