// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int n)
    {
        for (int i = 0; i < n; i++)
        {
            Obj obj = MakeObj();
            if (i == 1)
                continue; // KS2001
            if (i == 2)
                break; // KS2001
            obj.Put();
        }
    }

    void B(int x)
    {
        Obj obj = MakeObj();
        if (x == 0)
            throw new ArgumentException("x"); // KS2001
        obj.Put();
    }

    void C(int x)
    {
        {
            Obj obj = MakeObj();
            if (x == 0)
                goto done; // KS2001
            obj.Put();
        }

    done:
        UseInt(1);
    }
}
