// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A(int x)
    {
        int err = 0;
        Obj obj = MakeObj();
        if (x == 0)
        {
            err = -1;
            goto out_put;
        }

        obj.Touch();
    out_put:
        obj.Put();
        return err;
    }
}
