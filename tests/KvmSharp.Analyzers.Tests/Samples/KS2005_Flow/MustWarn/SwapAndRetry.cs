// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    Obj? A(int tries)
    {
        Obj? obj = FindObj(1);
        while (obj is null && tries-- > 0)
            obj = FindObj(tries);
        obj?.Put();
        return null;
    }

    void B(int x)
    {
        Obj obj = MakeObj();
        if (x > 3)
            obj = MakeObj(); // KS2005
        obj.Put();
    }

    void C()
    {
        Obj a = MakeObj();
        Obj b = MakeObj();
        (a, b) = (b, a);
        a.Put();
        b.Put();
    }
}
