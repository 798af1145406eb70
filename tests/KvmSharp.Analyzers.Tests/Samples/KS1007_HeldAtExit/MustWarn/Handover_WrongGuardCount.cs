// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Pair
{
    readonly Rec _rec = new();

    void A()
    {
        _rec.Lock();
        _rec.Lock();
        _rec.Unlock();
    } // KS1007

    void B()
    {
        _rec.Lock();
        _rec.Lock();
        _rec.Unlock();
        _rec.Unlock();
    }
}
