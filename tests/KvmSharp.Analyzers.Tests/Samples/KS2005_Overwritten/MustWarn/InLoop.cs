// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int n)
    {
        Obj? obj = null;
        for (int i = 0; i < n; i++)
        {
            obj = MakeObj(); // KS2005
        }

        obj?.Put();
    }

    void B(int n)
    {
        Obj? obj = null;
        for (int i = 0; i < n; i++)
        {
            obj?.Put();
            obj = MakeObj();
        }

        obj?.Put();
    }
}
