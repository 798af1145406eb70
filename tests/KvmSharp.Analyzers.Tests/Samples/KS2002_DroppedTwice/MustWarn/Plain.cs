// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Put();
        obj.Put(); // KS2002
    }

    static void Sink([ConsumesReference] Obj obj) => obj.Put();

    void B()
    {
        Obj obj = MakeObj();
        Sink(obj);
        obj.Put(); // KS2002
    }

    void C()
    {
        Obj obj = MakeObj();
        obj.Put();
        Sink(obj); // KS2002
    }
}
