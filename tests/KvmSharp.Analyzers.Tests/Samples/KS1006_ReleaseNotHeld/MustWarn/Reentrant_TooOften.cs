// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Rec _rec = new();

    void A()
    {
        _rec.Lock();
        _rec.Lock();
        _rec.Unlock();
        _rec.Unlock();
        _rec.Unlock(); // KS1006
    }
}
