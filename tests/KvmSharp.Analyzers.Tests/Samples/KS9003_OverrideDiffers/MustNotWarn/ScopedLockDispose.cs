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
    public void Dispose()
    {
    }
}

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void M()
    {
        using var guard = new Guard(_mu);
        _x = 1;
    }
}
