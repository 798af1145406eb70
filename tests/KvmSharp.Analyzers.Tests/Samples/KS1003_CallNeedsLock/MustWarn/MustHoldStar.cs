// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly RwSem _b = new();

    [MustHold("*")]
    void Any()
    {
    }

    [MustHoldShared("*")]
    void AnyShared()
    {
    }

    void M()
    {
        Any(); // KS1003
        _a.Lock();
        Any();
        _a.Unlock();
        _b.DownRead();
        Any(); // KS1003
        AnyShared();
        _b.UpRead();
    }
}
