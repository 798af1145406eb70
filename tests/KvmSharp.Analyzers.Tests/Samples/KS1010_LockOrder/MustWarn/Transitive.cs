// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Chain
{
    [AcquiredBefore("_b")]
    readonly KMutex _a = new();

    [AcquiredBefore("_c")]
    readonly KMutex _b = new();
    readonly KMutex _c = new();

    void M()
    {
        _c.Lock();
        _a.Lock(); // KS1010
        _a.Unlock();
        _c.Unlock();
    }
}
