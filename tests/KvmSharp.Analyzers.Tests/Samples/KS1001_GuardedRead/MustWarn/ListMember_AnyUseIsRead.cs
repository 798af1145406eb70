// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    readonly object _gate = new();
    [GuardedBy("_gate")] readonly List<int> _items = new();
    [GuardedBy("_gate")] Queue? _next;
    public int Cost { get; set; }

    void Unlocked()
    {
        _items.Add(1); // KS1001
        _items[0] = 2; // KS1001
        int n = _items.Count; // KS1001
        _next!.Cost = n; // KS1001
        foreach (int item in _items) // KS1001
            UseInt(item);
    }
}
