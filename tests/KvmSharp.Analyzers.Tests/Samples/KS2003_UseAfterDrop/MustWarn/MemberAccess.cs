// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A()
    {
        Obj obj = MakeObj();
        obj.Put();
        return obj.Size; // KS2003
    }

    void B()
    {
        Obj obj = MakeObj();
        obj.Put();
        obj.Touch(); // KS2003
    }

    void C()
    {
        Obj obj = MakeObj();
        obj.Put();
        Use(obj); // KS2003
    }
}
