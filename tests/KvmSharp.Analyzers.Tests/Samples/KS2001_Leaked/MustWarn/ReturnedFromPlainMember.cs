// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    Obj A()
    {
        Obj obj = MakeObj();
        return obj; // KS2001
    }

    Obj B() => MakeObj(); // KS2001

    [ReturnsReference]
    Obj C() => MakeObj();
}
