// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        _mu.Lock(); // KS1005
        _mu.Unlock();
    }

    [MustHold("_mu")]
    void B()
    {
        _mu.Lock(); // KS1005
    }
}
