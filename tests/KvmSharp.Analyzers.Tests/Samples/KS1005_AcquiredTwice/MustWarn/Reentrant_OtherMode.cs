// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Rec _rec = new();

    void A()
    {
        _rec.Lock();
        _rec.LockShared(); // KS1005
        _rec.Unlock();
    }

    void B()
    {
        _rec.LockShared();
        _rec.Lock(); // KS1005
        _rec.UnlockShared();
    }
}
