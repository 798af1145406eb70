// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _field;
    readonly List<Obj> _list = new();

    void A()
    {
        Obj obj = MakeObj();
        _field = obj;
        obj.Put(); // KS2004
    }

    void B()
    {
        Obj obj = MakeObj();
        _list.Add(obj);
        obj.Touch();
        obj.Put(); // KS2004
    }

    void C()
    {
        Obj obj = MakeObj();
        obj.Get();
        _list.Add(obj);
        obj.Put();
    }
}
