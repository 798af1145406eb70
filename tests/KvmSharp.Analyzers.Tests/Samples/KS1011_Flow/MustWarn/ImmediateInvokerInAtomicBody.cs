// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly List<int> _items = new();

    [AtomicContext]
    void A()
    {
        _items.ForEach(x => Thread.Sleep(x)); // KS1011
        _items.ForEach(x => UseInt(x));
    }
}
