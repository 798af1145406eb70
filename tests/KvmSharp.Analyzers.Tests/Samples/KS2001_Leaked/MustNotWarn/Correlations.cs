// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(bool need)
    {
        Obj? obj = null;
        if (need)
            obj = MakeObj();
        UseInt(1);
        if (need)
            obj!.Put();
    }

    void B(int x)
    {
        Obj? obj = null;
        if (x > 3)
            obj = MakeObj();
        UseInt(1);
        if (obj != null)
            obj.Put();
    }

    void C(int x)
    {
        Obj obj = MakeObj();
        bool dropped = false;
        if (x > 3)
        {
            obj.Put();
            dropped = true;
        }

        if (!dropped)
            obj.Put();
    }
}
