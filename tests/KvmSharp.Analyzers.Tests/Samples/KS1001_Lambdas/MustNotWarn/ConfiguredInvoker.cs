// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.immediate_invokers = Work.Twice;Other.Thing.Run
class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    public static void Twice(Action action)
    {
        action();
        action();
    }

    void A()
    {
        lock (_gate)
            Twice(() => _x++);
    }
}
