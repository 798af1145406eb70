// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Get();
        obj.Put();
    } // KS2001

    void B()
    {
        Obj obj = MakeObj();
        obj.Get();
        obj.Put();
        obj.Put();
    }
}
