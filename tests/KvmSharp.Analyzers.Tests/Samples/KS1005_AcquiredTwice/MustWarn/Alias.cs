// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [ReturnsLock("_mu")]
    KMutex TheLock => _mu;

    void A()
    {
        KMutex alias = _mu;
        _mu.Lock();
        alias.Lock(); // KS1005
        TheLock.Lock(); // KS1005
        _mu.Unlock();
    }
}
