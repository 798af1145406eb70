// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int x)
    {
        Obj obj = MakeObj();
        if (x > 3)
            obj.Put();
        obj.Touch(); // KS2003
    }

    int B(int x)
    {
        Obj obj = MakeObj();
        if (x > 3)
        {
            obj.Put();
            return obj.Size; // KS2003
        }

        obj.Put();
        return 0;
    }
}
