// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly List<int> _items = new();

    [MustHold("_mu")]
    void One(int x)
    {
    }

    [MustHold("_mu")]
    bool Odd(int x) => x % 2 == 1;

    void M()
    {
        _mu.Lock();
        _items.ForEach(One);
        _items.RemoveAll(Odd);
        _mu.Unlock();
    }
}
