// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    public static void Twice(Action action)
    {
        action();
        action();
    }

    int A()
    {
        lock (_gate)
            Twice(() => UseInt(_x)); // KS1001
        lock (_gate)
            return _x;
    }
}
