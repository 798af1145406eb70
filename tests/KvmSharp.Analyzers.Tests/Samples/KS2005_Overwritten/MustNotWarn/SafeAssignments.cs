// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    [ReturnsReference]
    [ContextUnsafe("implementation")]
    static Obj Next([ConsumesReference] Obj obj) => new();

    void A()
    {
        Obj obj = MakeObj();
        obj.Put();
        obj = MakeObj();
        obj.Put();
    }

    void B()
    {
        Obj obj = MakeObj();
        Obj copy = obj;
        obj = MakeObj();
        obj.Put();
        copy.Put();
    }

    void C()
    {
        Obj obj = MakeObj();
        obj = Next(obj);
        obj.Put();
    }

    void D(int key)
    {
        Obj? obj = null;
        obj = FindObj(key);
        obj?.Put();
    }
}
