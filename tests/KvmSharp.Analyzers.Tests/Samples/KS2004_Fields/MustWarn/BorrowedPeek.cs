// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    [BorrowsReference] Obj? _last;
    readonly List<Obj> _all = new();

    void Remember(Obj obj)
    {
        _last = obj;
        _all.Add(obj.Get());
    }

    void Forget()
    {
        Obj? last = _last;
        last?.Put(); // KS2004
    }

    [ReturnsReference]
    Obj? Last()
    {
        Obj? last = _last;
        last?.Get();
        return last;
    }

    [BorrowsReference]
    Obj? Peek() => _last;
}
