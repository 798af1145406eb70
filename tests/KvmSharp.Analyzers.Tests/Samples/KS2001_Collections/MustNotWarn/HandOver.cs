// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Concurrent;

class Store
{
    readonly LinkedList<Obj> _list = new();
    readonly Stack<Obj> _stack = new();
    readonly ConcurrentQueue<Obj> _queue = new();
    readonly ConcurrentDictionary<int, Obj> _map = new();
    readonly HashSet<Obj> _set = new();

    void A()
    {
        _list.AddFirst(MakeObj());
        _list.AddLast(MakeObj());
        _stack.Push(MakeObj());
        _queue.Enqueue(MakeObj());
        _set.Add(MakeObj());
        Obj obj = MakeObj();
        if (_map.TryAdd(1, obj))
            obj.Touch();
        _map[2] = MakeObj();
    }

    void B()
    {
        while (_queue.TryDequeue(out Obj? obj))
            obj.Put();
        if (_stack.Count > 0)
            _stack.Pop().Put();
        foreach (Obj obj in _list)
            obj.Touch();
    }
}
