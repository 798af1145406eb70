// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Slot
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _value;

    [MustHold("_mu")]
    ref int A() => ref _value;

    [MustHoldShared("_mu")]
    ref readonly int B() => ref _value;

    [Acquires("_mu")]
    ref int C()
    {
        _mu.Lock();
        return ref _value;
    }
}
