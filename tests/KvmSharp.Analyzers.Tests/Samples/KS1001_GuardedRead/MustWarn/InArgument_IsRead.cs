// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Vec
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    static void Show(in int value)
    {
    }

    static void ShowReadonly(ref readonly int value)
    {
    }

    void Unlocked()
    {
        Show(in _x); // KS1001
        Show(_x); // KS1001
        ShowReadonly(in _x); // KS1001
    }

    void Locked()
    {
        lock (_gate)
        {
            Show(in _x);
            ShowReadonly(in _x);
        }
    }
}
