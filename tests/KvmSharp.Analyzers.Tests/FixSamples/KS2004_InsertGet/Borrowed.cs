// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Obj obj)
    {
        obj.Touch();
        obj.Put();
    }

    [ReturnsReference]
    Obj B(Obj obj)
    {
        // keep: hand over
        return obj;
    }

    [ReturnsReference]
    Obj C(Obj obj) => obj;
}
// ==== fixed
class Work
{
    void A(Obj obj)
    {
        obj.Touch();
        obj.Get();
        obj.Put();
    }

    [ReturnsReference]
    Obj B(Obj obj)
    {
        // keep: hand over
        obj.Get();
        return obj;
    }

    [ReturnsReference]
    Obj C(Obj obj)
    {
        obj.Get();
        return obj;
    }
}
