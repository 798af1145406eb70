// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Store
{
    Obj? _cached;

    bool Good(int key, [ReturnsReference] out Obj? obj)
    {
        obj = FindObj(key);
        return obj is not null;
    }

    bool Empty([ReturnsReference] out Obj? obj)
    {
        obj = null;
        return false;
    }

    bool Got(Obj shared, [ReturnsReference] out Obj? obj)
    {
        shared.Get();
        obj = shared;
        return true;
    }

    void Drop(Obj shared) => shared.Put(); // KS2004
}
