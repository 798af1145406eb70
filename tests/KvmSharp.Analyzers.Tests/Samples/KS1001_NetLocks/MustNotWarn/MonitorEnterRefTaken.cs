// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    int A()
    {
        bool taken = false;
        try
        {
            Monitor.Enter(_gate, ref taken);
            return _x;
        }
        finally
        {
            if (taken)
                Monitor.Exit(_gate);
        }
    }

    int B()
    {
        Monitor.Enter(_gate);
        try
        {
            return _x;
        }
        finally
        {
            Monitor.Exit(_gate);
        }
    }
}
