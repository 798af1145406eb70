// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    static bool IS_ERR(object? value) => value is null;

    static int PTR_ERR(object? value) => -1;

    [ReturnsReference]
    [ErrorPointer]
    [ContextUnsafe("implementation")]
    static Obj Lookup(int key) => new();

    int A(int key)
    {
        Obj obj = Lookup(key);
        if (IS_ERR(obj))
            return PTR_ERR(obj);
        obj.Put();
        return 0;
    }

    int B(int key)
    {
        Obj obj = Lookup(key);
        if (IS_ERR(obj))
            return PTR_ERR(obj);
        obj.Touch();
        return 0; // KS2001
    }
}
