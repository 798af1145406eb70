// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Releases("_mu")]
    [CondAcquires(false, "_mu")]
    [ContextUnsafe("drops the lock when it succeeds")]
    bool Flush() => true;

    void A()
    {
        _mu.Lock();
        if (!Flush())
            _mu.Unlock();
    }
}
