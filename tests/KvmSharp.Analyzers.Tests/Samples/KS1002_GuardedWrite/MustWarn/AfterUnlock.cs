// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Order
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void M()
    {
        _x = 0; // KS1002
        _mu.Lock();
        _x = 1;
        _mu.Unlock();
        _x = 2; // KS1002
    }
}
