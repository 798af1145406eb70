// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Slot
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _value;

    ref int A()
    {
        _mu.Lock();
        _mu.Unlock();
        return ref _value; // KS1012
    }

    ref int B => ref _value; // KS1012

    [MustHoldShared("_mu")]
    ref int C() => ref _value; // KS1012

    ref readonly int D() => ref _value; // KS1012
}
