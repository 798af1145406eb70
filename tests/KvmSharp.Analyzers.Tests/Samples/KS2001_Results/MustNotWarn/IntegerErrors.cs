// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Store
{
    [MustCheck]
    [ContextUnsafe("implementation")]
    static int Open(int key, [ReturnsReference] out Obj? obj)
    {
        obj = null;
        return -1;
    }

    int A(int key)
    {
        int err = Open(key, out Obj? obj);
        if (err != 0)
        {
            obj?.Put();
            return err;
        }

        obj?.Put();
        return 0;
    }
}
