// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int n)
    {
        Obj obj = MakeObj();
        for (int i = 0; i < n; i++)
        {
            UseInt(i);
        }

        obj.Put();
        obj.Put(); // KS2002
    }

    void B(int n)
    {
        for (int i = 0; i < n; i++)
        {
            Obj obj = MakeObj();
            obj.Put();
        }
    }
}
