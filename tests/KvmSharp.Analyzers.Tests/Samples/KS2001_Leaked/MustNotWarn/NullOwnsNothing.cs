// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A(int key)
    {
        Obj? obj = FindObj(key);
        if (obj == null)
            return -2;
        obj.Put();
        return 0;
    }

    int B(int key)
    {
        Obj? obj = FindObj(key);
        if (obj is null)
            return -2;
        obj.Put();
        return 0;
    }

    void C(int key)
    {
        if (FindObj(key) is { } obj)
            obj.Put();
    }

    void D(int key)
    {
        Obj? obj = FindObj(key);
        obj?.Put();
    }

    void E(int key)
    {
        Obj? obj = FindObj(key);
        if (obj is not null)
            obj.Put();
    }
}
