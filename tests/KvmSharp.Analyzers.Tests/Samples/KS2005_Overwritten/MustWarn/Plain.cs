// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj = MakeObj(); // KS2005
        obj.Put();
    }

    void B()
    {
        Obj? obj = MakeObj();
        obj = null; // KS2005
        Use(obj);
    }

    void C(Obj other)
    {
        Obj obj = MakeObj();
        obj = other; // KS2005
        obj.Touch();
    }
}
