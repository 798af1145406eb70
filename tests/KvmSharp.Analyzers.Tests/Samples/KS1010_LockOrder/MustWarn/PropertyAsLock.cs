// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Zone
{
    [AcquiredBefore("Lru")]
    public KMutex Main { get; } = new();
    public KMutex Lru { get; } = new();

    void M(Zone z)
    {
        z.Lru.Lock();
        z.Main.Lock(); // KS1010
        z.Main.Unlock();
        z.Lru.Unlock();
    }
}
