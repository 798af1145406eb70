// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Store
{
    readonly object _gate = new();
    [GuardedBy("_gate")] readonly List<int> _items = new();
    [GuardedBy("_gate")] int _limit;

    int A() => _items.Count(); // KS1001

    List<int> B()
    {
        lock (_gate)
        {
            return (from item in _items
                    where item < _limit // KS1001
                    select item).ToList();
        }
    }

    List<int> C()
    {
        lock (_gate)
        {
            int limit = _limit;
            return _items.Where(item => item < limit).ToList();
        }
    }
}
