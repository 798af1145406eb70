// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Diagnostics.CodeAnalysis;

class Store
{
    [ContextUnsafe("implementation")]
    public static bool TryGet(int key, [NotNullWhen(true)][ReturnsReference] out Obj? obj)
    {
        obj = null;
        return false;
    }

    int A(int key)
    {
        if (!TryGet(key, out Obj? obj))
            return -1;
        obj.Put();
        return 0;
    }

    int B(int key)
    {
        if (!TryGet(key, out Obj? obj))
            return -1;
        return obj.Size; // KS2001
    }
}
