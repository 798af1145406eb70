// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] readonly List<int> _items = new();
    [GuardedBy("_sem")] Queue? _next;
    public int Cost { get; set; }

    void Shared()
    {
        _sem.DownRead();
        _items.Add(1);
        _items[0] = 2;
        _next!.Cost = _items.Count;
        _sem.UpRead();
    }
}
