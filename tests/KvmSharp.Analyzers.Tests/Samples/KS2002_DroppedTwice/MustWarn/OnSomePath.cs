// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int x)
    {
        Obj obj = MakeObj();
        if (x > 3)
            obj.Put();
        obj.Put(); // KS2002
    }

    int B(int x)
    {
        int err = 0;
        Obj obj = MakeObj();
        if (x > 3)
        {
            obj.Put();
            err = -1;
            goto fail;
        }

        obj.Put();
        return 0;
    fail:
        obj.Put(); // KS2002
        return err;
    }
}
