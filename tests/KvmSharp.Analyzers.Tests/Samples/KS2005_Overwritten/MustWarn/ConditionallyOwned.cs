// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int key)
    {
        Obj? obj = FindObj(key);
        obj = MakeObj(); // KS2005
        obj.Put();
    }

    void B(int key)
    {
        Obj? obj = FindObj(key);
        if (obj == null)
            obj = MakeObj();
        obj.Put();
    }
}
