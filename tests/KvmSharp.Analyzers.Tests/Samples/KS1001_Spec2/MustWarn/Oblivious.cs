// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

// nullable: disable
using System.Threading;

class Work
{
    readonly Lock _lock = new();
    readonly object _gate = new();

    [GuardedBy("_lock")]
    int _x;

    [GuardedBy("_gate")]
    int _y;

    void A()
    {
        lock (_lock)
        {
            _x = 1;
        }

        lock (_gate)
            _y = 1;
        UseInt(_x); // KS1001
        UseInt(_y); // KS1001
    }

    int B()
    {
        lock (_lock)
            return _x;
    }
}
