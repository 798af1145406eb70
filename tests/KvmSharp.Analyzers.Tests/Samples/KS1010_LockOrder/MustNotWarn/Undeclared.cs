// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Pair
{
    readonly KMutex _a = new();

    [AcquiredAfter("_a")]
    readonly KMutex _b = new();
    readonly KMutex _c = new();

    void M()
    {
        _c.Lock();
        _a.Lock();
        _b.Lock();
        _b.Unlock();
        _a.Unlock();
        _c.Unlock();
        _b.Lock();
        _c.Lock();
        _c.Unlock();
        _b.Unlock();
    }
}
