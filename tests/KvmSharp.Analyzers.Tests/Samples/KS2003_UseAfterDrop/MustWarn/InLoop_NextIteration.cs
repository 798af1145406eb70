// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int n)
    {
        Obj obj = MakeObj();
        do
        {
            obj.Touch(); // KS2003
            obj.Put();
        }
        while (n-- > 0);
    }
}
