// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj a = MakeObj();
        Obj b = a;
        b.Touch();
    } // KS2001

    void B()
    {
        Obj a = MakeObj();
        Obj b = a;
        b.Put();
    }
}
