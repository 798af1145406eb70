// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        if (_mu.TryLock()) // KS1005
            UseInt(1);
        _mu.Unlock();
    }

    [MustHold("_mu")]
    bool B() => _mu.TryLock(); // KS1005
}
