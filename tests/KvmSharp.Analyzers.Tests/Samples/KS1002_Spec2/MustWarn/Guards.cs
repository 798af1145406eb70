// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Threading.Tasks;

[ScopedLock]
sealed class AsyncGuard : IAsyncDisposable
{
    public ValueTask DisposeAsync() => default;
}

[ScopedLock]
ref struct ReadGuard
{
    [AcquiresShared("sem")]
    [ContextUnsafe("implementation")]
    public ReadGuard(RwSem sem)
    {
    }

    [Releases("this")]
    [ContextUnsafe("implementation")]
    public void Drop()
    {
    }

    [AcquiresShared("this")]
    [ContextUnsafe("implementation")]
    public void Retake()
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
    readonly KMutex _mu = new();

    [GuardedBy("_sem")]
    int _x;

    [GuardedBy("_mu")]
    int _y;

    [Acquires("_mu")]
    [ContextUnsafe("implementation")]
    Task<AsyncGuard> TakeAsync() => Task.FromResult(new AsyncGuard());

    [Acquires("_mu")]
    [ContextUnsafe("implementation")]
    MutexGuard Take() => new(_mu);

    void A()
    {
        using (var g = new ReadGuard(_sem))
        {
            UseInt(_x);
            _x = 1; // KS1002
            g.Drop();
            UseInt(_x); // KS1001
            g.Drop(); // KS1006
            g.Retake();
            UseInt(_x);
        }

        UseInt(_x); // KS1001
    }

    async Task B()
    {
        await using (await TakeAsync())
            _y = 1;
        _y = 2; // KS1002
        await using AsyncGuard g = await TakeAsync();
        _y = 3;
    }

    void C()
    {
        using (Take())
            _y = 1;
        var g = Take();
        try
        {
            _y = 2;
        }
        finally
        {
            g.Dispose();
        }

        _y = 3; // KS1002
    }

    void D(bool b)
    {
        using (b ? Take() : null)
            _y = 1; // KS1002
    }

    void E()
    {
        MutexGuard g = Take();
        g = null!; // KS1007
        Use(g);
    }
}
