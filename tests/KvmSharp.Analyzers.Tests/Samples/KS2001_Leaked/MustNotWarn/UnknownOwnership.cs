// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _field;
    readonly Obj[] _array = new Obj[2];
    readonly List<Obj> _list = new();

    void A()
    {
        Obj? obj = _field;
        obj?.Touch();
    }

    void B()
    {
        Obj obj = _array[0];
        obj.Put();
    }

    void C()
    {
        Obj obj = _list[0];
        _list.RemoveAt(0);
        obj.Put();
    }

    void D((Obj First, int N) pair)
    {
        Obj obj = pair.First;
        obj.Put();
    }

    void E(Dictionary<int, Obj> map)
    {
        if (map.TryGetValue(3, out Obj? obj))
            obj.Put();
    }
}
