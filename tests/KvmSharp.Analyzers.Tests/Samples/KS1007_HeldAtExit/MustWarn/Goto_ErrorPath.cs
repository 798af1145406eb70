// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    int Good(int x)
    {
        int err = 0;
        _a.Lock();
        if (x == 1)
        {
            err = -1;
            goto out_a;
        }

        _b.Lock();
        if (x == 2)
            err = -2;
        _b.Unlock();
    out_a:
        _a.Unlock();
        return err;
    }

    int Bad(int x)
    {
        int err = 0;
        _a.Lock();
        if (x == 1)
        {
            err = -1;
            goto out_none;
        }

        _a.Unlock();
        return 0;
    out_none:
        return err; // KS1007
    }
}
