// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
sealed class AsyncMutex
{
    [Acquires("this")]
    public async Task LockAsync() => await Task.Yield();

    [Releases("this")]
    public void Unlock()
    {
    }
}

class Work
{
    readonly AsyncMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    async Task A()
    {
        await _mu.LockAsync();
        _x = 1;
        await Task.Delay(1);
        _x = 2;
        _mu.Unlock();
    }

    async Task B()
    {
        await _mu.LockAsync().ConfigureAwait(false);
        _x = 1;
        _mu.Unlock();
        Task taken = _mu.LockAsync();
        await taken;
        _x = 2;
        _mu.Unlock();
    }
}
