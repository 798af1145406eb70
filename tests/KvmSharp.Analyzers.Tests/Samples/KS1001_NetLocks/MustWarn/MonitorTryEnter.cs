// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    int A()
    {
        if (Monitor.TryEnter(_gate))
        {
            int x = _x;
            Monitor.Exit(_gate);
            return x;
        }

        return _x; // KS1001
    }

    int B()
    {
        bool taken = false;
        try
        {
            Monitor.TryEnter(_gate, 100, ref taken);
            if (taken)
                return _x;
            return _x; // KS1001
        }
        finally
        {
            if (taken)
                Monitor.Exit(_gate);
        }
    }
}
