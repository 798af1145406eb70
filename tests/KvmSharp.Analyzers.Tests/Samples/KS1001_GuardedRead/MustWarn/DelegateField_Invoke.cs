// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Events
{
    readonly object _gate = new();
    [GuardedBy("_gate")] Action? _handler;

    void Raise()
    {
        _handler?.Invoke(); // KS1001
        Action? copy;
        lock (_gate)
        {
            copy = _handler;
        }

        copy?.Invoke();
    }
}
