// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Zone
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();
    [GuardedBy("_mu")] int _free;

    [ReturnsLock("_mu")]
    public KMutex GetLock() => _mu;

    [ReturnsLock("zone._mu")]
    public static KMutex LockOf(Zone zone) => zone._mu;

    [ReturnsLock("_other")]
    public KMutex Other => _other;

    [MustHold("_mu")]
    void Take() => _free--;

    void A()
    {
        GetLock().Lock();
        Take();
        LockOf(this).Unlock();
        Other.Lock();
        Take(); // KS1003
        _other.Unlock();
    }
}
