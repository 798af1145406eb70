// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
sealed class Guard : IDisposable
{
    [Acquires("mu")]
    [ContextUnsafe("implementation")]
    public Guard(KMutex mu)
    {
    }

    [Releases("this")]
    public void Unlock()
    {
    }

    [Acquires("this")]
    public void Relock()
    {
    }

    [ContextUnsafe("implementation")]
    public void Dispose()
    {
    }
}

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        using var guard = new Guard(_mu);
        guard.Unlock();
        guard.Unlock(); // KS1006
        guard.Relock();
        _x = 1;
    }

    void B()
    {
        using var guard = new Guard(_mu);
        guard.Relock(); // KS1005
    }

    void C()
    {
        using var guard = new Guard(_mu);
        _x = 1;
        guard.Unlock();
        _x = 2; // KS1002
    }
}
