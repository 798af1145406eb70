// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
sealed class TryGuard : IDisposable
{
    [CondAcquires(true, "mu")]
    [ContextUnsafe("implementation")]
    public static TryGuard? Try(KMutex mu) => null;

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
        using TryGuard? guard = TryGuard.Try(_mu);
        if (guard != null)
            _x = 1;
        else
            _x = 2; // KS1002
    }

    void B()
    {
        using TryGuard? guard = TryGuard.Try(_mu);
        if (guard is null)
            return;
        _x = 1;
    }
}
