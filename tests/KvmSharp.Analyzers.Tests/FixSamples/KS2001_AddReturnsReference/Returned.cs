// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    Obj A()
    {
        Obj obj = MakeObj();
        return obj;
    }

    // keep: made
    Obj B() => MakeObj();
}
// ==== fixed
class Work
{
    [ReturnsReference]
    Obj A()
    {
        Obj obj = MakeObj();
        return obj;
    }

    // keep: made
    [ReturnsReference]
    Obj B() => MakeObj();
}
