// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;
    readonly List<int> _list = new();
    readonly int[] _array = new int[4];
    readonly System.Collections.Concurrent.ConcurrentDictionary<int, int> _map = new();

    void A()
    {
        lock (_gate)
        {
            _list.ForEach(i => _x += i);
            _list.RemoveAll(i => i == _x);
            UseInt(_list.Find(i => i == _x));
            UseInt(_list.FindIndex(i => i == _x));
            Use(_list.Exists(i => i == _x));
            Use(_list.TrueForAll(i => i == _x));
            _list.Sort((a, b) => a - b + _x);
            Array.ForEach(_array, i => _x += i);
            Use(Array.Exists(_array, i => i == _x));
            UseInt(_map.GetOrAdd(3, k => k + _x));
            UseInt(_map.AddOrUpdate(3, k => _x, (k, old) => old + _x));
        }
    }
}
