// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();

    [CondAcquires(true, "_mu")]
    bool A()
    {
        _other.Lock();
        return _mu.TryLock(); // KS1007
    }
}
