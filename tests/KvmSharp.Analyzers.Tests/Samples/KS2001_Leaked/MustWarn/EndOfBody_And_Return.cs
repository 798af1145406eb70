// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Touch();
    } // KS2001

    int B(int x)
    {
        Obj obj = MakeObj();
        if (x == 0)
            return 0; // KS2001
        obj.Put();
        return 1;
    }

    void C()
    {
        var obj = new Obj();
        obj.Size = 1;
    } // KS2001
}
