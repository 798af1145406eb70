// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Obj obj)
    {
        obj.Get();
        obj.Touch();
    } // KS2001

    void B(Obj obj)
    {
        obj.Get();
        obj.Touch();
        obj.Put();
    }

    void C(Obj obj)
    {
        Obj held = obj.Get();
        held.Touch();
        held.Put();
    }
}
