// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;
    readonly List<int> _list = new();

    void A()
    {
        _list.RemoveAll(i => i == _x); // KS1001
        _list.ForEach(i => UseInt(i + _x)); // KS1001
    }

    bool B()
    {
        lock (_gate)
            return _list.Any(i => i == _x); // KS1001
    }
}
