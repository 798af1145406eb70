// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj a = MakeObj();
        Obj b = a;
        a.Put();
        b.Touch(); // KS2003
    }
}
