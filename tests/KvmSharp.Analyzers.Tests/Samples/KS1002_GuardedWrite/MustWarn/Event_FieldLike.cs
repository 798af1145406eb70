// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Bell
{
    readonly object _gate = new();
    [GuardedBy("_gate")] EventHandler? _rung;

    public event EventHandler Rung
    {
        add
        {
            lock (_gate)
                _rung += value;
        }

        remove
        {
            _rung -= value; // KS1002
        }
    }
}
