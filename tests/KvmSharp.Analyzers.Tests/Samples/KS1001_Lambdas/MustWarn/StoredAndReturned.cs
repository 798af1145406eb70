// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;
    Func<int>? _later;

    void A()
    {
        lock (_gate)
        {
            _later = () => _x; // KS1001
        }
    }

    Func<int> B()
    {
        lock (_gate)
        {
            return () => _x; // KS1001
        }
    }

    void C()
    {
        lock (_gate)
        {
            Task.Run(() => _x); // KS1001
        }
    }
}
