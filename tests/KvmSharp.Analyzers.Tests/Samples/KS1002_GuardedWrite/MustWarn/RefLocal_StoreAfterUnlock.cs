// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Slot
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _value;

    void Late()
    {
        _mu.Lock();
        ref int value = ref _value;
        value = 1;
        _mu.Unlock();
        value = 2; // KS1002
        value++; // KS1002
    }
}
