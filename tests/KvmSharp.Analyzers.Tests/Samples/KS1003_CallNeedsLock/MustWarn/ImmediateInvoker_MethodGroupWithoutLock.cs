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

    void M()
    {
        _items.ForEach(One); // KS1003
    }
}
