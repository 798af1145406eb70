// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int x)
    {
        if (x > 0)
        {
            Obj obj = MakeObj();
            obj.Touch();
        } // KS2001

        UseInt(x);
    }

    void B(int n)
    {
        for (int i = 0; i < n; i++)
        {
            Obj obj = MakeObj();
            obj.Touch();
        } // KS2001
    }
}
