// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Config
{
    readonly KMutex _mu = new();

    [GuardedBy("_mu")]
    public string Name
    {
        get;
        set => field = value.Trim();
    }
    = "";

    string A() => Name; // KS1001

    void B()
    {
        _mu.Lock();
        Name = "x";
        _mu.Unlock();
    }
}
