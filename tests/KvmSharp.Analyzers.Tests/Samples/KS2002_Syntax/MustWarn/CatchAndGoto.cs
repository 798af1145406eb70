// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int x)
    {
        Obj obj = MakeObj();
        if (x > 3)
        {
            obj.Put();
            goto done;
        }

        UseInt(x);
    done:
        obj.Put(); // KS2002
    }

    void B(bool early)
    {
        Obj obj = MakeObj();
        if (early)
            obj.Put();
        if (!early)
            obj.Put();
    }
}
