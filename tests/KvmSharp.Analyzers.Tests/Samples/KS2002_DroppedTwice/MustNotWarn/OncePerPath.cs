// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int x)
    {
        Obj obj = MakeObj();
        if (x > 3)
            obj.Put();
        else
            obj.Put();
    }

    void B(int x)
    {
        Obj obj = MakeObj();
        obj.Put();
        obj = MakeObj();
        obj.Put();
    }

    void C()
    {
        Obj obj = MakeObj();
        obj.Get();
        obj.Put();
        obj.Put();
    }
}
