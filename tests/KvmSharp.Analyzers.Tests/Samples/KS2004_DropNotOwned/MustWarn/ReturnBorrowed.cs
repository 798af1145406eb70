// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    [ReturnsReference]
    Obj A(Obj obj)
    {
        return obj; // KS2004
    }

    [ReturnsReference]
    Obj B(Obj obj)
    {
        obj.Get();
        return obj;
    }

    [ReturnsReference]
    Obj C(Obj obj) => obj.Get();

    [ReturnsReference]
    Obj D(Obj obj) => obj; // KS2004
}
