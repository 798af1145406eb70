// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A(int key)
    {
        Obj? obj = null;
        try
        {
            obj = FindObj(key);
            if (obj is null)
                return -1;
            return obj.Size;
        }
        finally
        {
            obj?.Put();
        }
    }

    [ReturnsReference]
    Obj? B(int key)
    {
        Obj? obj = FindObj(key);
        if (obj is null || obj.Size > 3)
            return obj;
        obj.Size = 1;
        return obj;
    }

    [ReturnsReference]
    Obj C(int key) => FindObj(key) ?? MakeObj();
}
