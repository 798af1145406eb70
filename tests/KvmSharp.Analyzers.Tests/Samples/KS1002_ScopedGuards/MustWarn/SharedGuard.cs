// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
sealed class ReadGuard : IDisposable
{
    [AcquiresShared("sem")]
    [ContextUnsafe("implementation")]
    public ReadGuard(RwSem sem)
    {
    }

    [ContextUnsafe("implementation")]
    public void Dispose()
    {
    }
}

class Work
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _x;

    int A()
    {
        using var guard = new ReadGuard(_sem);
        _x = 1; // KS1002
        return _x;
    }
}
