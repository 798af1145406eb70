// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    static void Sink([ConsumesReference] Obj obj) => obj.Put();

    void A()
    {
        Obj obj = MakeObj();
        Sink(obj);
        Sink(obj); // KS2002
    }

    void B([ConsumesReference] Obj obj)
    {
        Sink(obj);
        obj.Put(); // KS2002
    }

    void C()
    {
        Obj obj = MakeObj();
        obj.Get();
        Sink(obj);
        Sink(obj);
    }

    void D(bool x)
    {
        Obj obj = MakeObj();
        if (x)
            Sink(obj);
        else
            obj.Put();
    }
}
