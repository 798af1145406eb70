// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [CondAcquires(true, "_mu")]
    bool Entered
    {
        [ContextUnsafe("implementation")]
        get => true;
    }

    void A()
    {
        if (Entered)
        {
            _x = 1;
            _mu.Unlock();
        }
    }
}

[ContextLock]
sealed class AsyncMutex
{
    [CondAcquires(true, "this")]
    public Task<bool> TryLockAsync() => Task.FromResult(true);

    [Releases("this")]
    public void Unlock()
    {
    }
}

class AsyncWork
{
    readonly AsyncMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    async Task A()
    {
        if (!await _mu.TryLockAsync())
            return;
        _x = 1;
        _mu.Unlock();
    }

    async Task B()
    {
        bool got = await _mu.TryLockAsync().ConfigureAwait(false);
        if (got)
        {
            _x = 1;
            _mu.Unlock();
        }
    }
}
