// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    static void Look(Obj obj)
    {
    }

    void A()
    {
        Obj obj = MakeObj();
        Look(obj);
    } // KS2001
}
