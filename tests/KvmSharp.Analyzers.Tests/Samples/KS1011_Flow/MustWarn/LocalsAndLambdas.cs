// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();
    readonly List<int> _items = new();

    [AtomicContext]
    void A()
    {
        Action later = () => Thread.Sleep(1);
        Use(later);
    }

    void B()
    {
        _spin.Lock();
        _items.ForEach(x => Schedule()); // KS1011
        Task.Run(() => Schedule());
        _spin.Unlock();
    }
}
