// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _field;
    readonly Obj?[] _array = new Obj?[4];
    readonly List<Obj> _list = new();
    readonly Queue<Obj> _queue = new();
    readonly Dictionary<int, Obj> _map = new();

    [ConsumesReference] Obj? _owned;

    static void Sink([ConsumesReference] Obj obj) => obj.Put();

    void A() => _field = MakeObj();

    void B()
    {
        Obj obj = MakeObj();
        _array[1] = obj;
        obj.Touch();
    }

    void C()
    {
        Obj obj = MakeObj();
        _list.Add(obj);
        obj.Touch();
    }

    void D()
    {
        _queue.Enqueue(MakeObj());
        _map[3] = MakeObj();
        _map.TryAdd(4, MakeObj());
    }

    void E()
    {
        Sink(MakeObj());
        Obj obj = MakeObj();
        Sink(obj);
    }

    void F() => _owned = MakeObj();
}
