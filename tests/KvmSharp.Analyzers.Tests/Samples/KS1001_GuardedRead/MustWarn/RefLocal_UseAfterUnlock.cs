// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Slot
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _value;

    int Late()
    {
        _mu.Lock();
        ref int value = ref _value;
        int a = value;
        _mu.Unlock();
        return a + value; // KS1001
    }

    int InTime()
    {
        _mu.Lock();
        ref int value = ref _value;
        value = 3;
        int a = value;
        _mu.Unlock();
        return a;
    }
}
