// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A(int x)
    {
        Obj obj = MakeObj();
        switch (x)
        {
            case 1:
                obj.Put();
                return 1;
            case 2:
                return 2; // KS2001
            default:
                break;
        }

        obj.Put();
        return 0;
    }

    void B(bool which)
    {
        Obj obj = which ? MakeObj() : new Obj();
        obj.Touch();
    } // KS2001

    void C(bool which)
    {
        Obj obj = which ? MakeObj() : new Obj();
        obj.Put();
    }
}
