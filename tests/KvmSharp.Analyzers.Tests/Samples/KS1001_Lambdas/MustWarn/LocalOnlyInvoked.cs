// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    void Good()
    {
        Func<int> get = () => _x;
        lock (_gate)
            UseInt(get());
    }

    void Bad()
    {
        Func<int> get = () => _x; // KS1001
        UseInt(get());
    }

    void Copied()
    {
        Func<int> get = () => _x; // KS1001
        lock (_gate)
            UseInt(get());
        Use(get);
    }
}
