// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj = MakeObj(); // keep: new one
        obj.Put();
    }

    void B(int key)
    {
        Obj? obj = FindObj(key);
        obj = MakeObj();
        obj.Put();
    }
}
// ==== fixed
class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Put();
        obj = MakeObj(); // keep: new one
        obj.Put();
    }

    void B(int key)
    {
        Obj? obj = FindObj(key);
        obj?.Put();
        obj = MakeObj();
        obj.Put();
    }
}
