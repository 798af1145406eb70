// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    Action A()
    {
        Obj obj = MakeObj();
        return () => obj.Touch();
    }

    (Obj, int) B()
    {
        Obj obj = MakeObj();
        return (obj, 1);
    }

    object C()
    {
        Obj obj = MakeObj();
        return new { obj };
    }
}
