// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    void Locked()
    {
    }

    [MustHoldShared("_mu")]
    void Shared()
    {
    }

    [MustNotHold("_mu")]
    void Not()
    {
    }

    void M()
    {
        Action a = Locked; // KS1003
        Action b = Shared; // KS1003
        Action c = Not; // KS1003
        Use(a);
        Use(b);
        Use(c);
        _mu.Lock();
        Action d = Locked; // KS1003
        Use(d);
        _mu.Unlock();
    }
}
