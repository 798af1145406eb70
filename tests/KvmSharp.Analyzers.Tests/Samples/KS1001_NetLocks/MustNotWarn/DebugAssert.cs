// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Diagnostics;

class Cache
{
    readonly object _gate = new();
    readonly Lock _lock = new();
    [GuardedBy("_gate")] int _x;
    [GuardedBy("_lock")] int _y;

    int A()
    {
        Debug.Assert(Monitor.IsEntered(_gate));
        return _x;
    }

    int B()
    {
        Debug.Assert(_lock.IsHeldByCurrentThread);
        return _y;
    }

    int C()
    {
        Trace.Assert(Monitor.IsEntered(_gate));
        Trace.Assert(_lock.IsHeldByCurrentThread);
        return _x + _y++;
    }
}
