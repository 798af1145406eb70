// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _field;

    void A()
    {
        Obj obj = MakeObj();
        obj.Put();
        _field = obj; // KS2003
    }

    [ReturnsReference]
    Obj B()
    {
        Obj obj = MakeObj();
        obj.Put();
        return obj; // KS2003
    }
}
