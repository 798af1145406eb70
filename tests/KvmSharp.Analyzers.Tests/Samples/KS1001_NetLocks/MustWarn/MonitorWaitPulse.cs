// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    int A()
    {
        lock (_gate)
        {
            while (_x == 0)
                Monitor.Wait(_gate);
            _x--;
            Monitor.PulseAll(_gate);
        }

        return _x; // KS1001
    }

    void B()
    {
        Monitor.Pulse(_gate); // KS1003
        Monitor.PulseAll(_gate); // KS1003
    }
}
