// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Put();
        obj.Put(); // KS2002
    }

    void B()
    {
        Obj obj = MakeObj();
        obj.Put();
        obj.Touch(); // KS2003
        obj.Touch();
        obj.Put();
    }
}
