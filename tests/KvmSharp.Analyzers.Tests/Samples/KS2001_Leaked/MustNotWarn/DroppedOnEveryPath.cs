// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Touch();
        obj.Put();
    }

    int B(int x)
    {
        Obj obj = MakeObj();
        try
        {
            if (x == 0)
                return 0;
            obj.Touch();
            return 1;
        }
        finally
        {
            obj.Put();
        }
    }

    [ReturnsReference]
    Obj C()
    {
        Obj obj = MakeObj();
        obj.Size = 3;
        return obj;
    }

    [ReturnsReference]
    Obj D() => new Obj();
}
