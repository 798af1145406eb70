// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int Load(int key)
    {
        Obj? obj = FindObj(key);
        if (obj == null)
            return -2;
        int err = Number();
        if (err < 0)
            return err; // KS2001
        obj.Put();
        return 0;
    }
}
