// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
sealed class AsyncGuard : IAsyncDisposable
{
    [Acquires("gate")]
    [ContextUnsafe("implementation")]
    public static Task<AsyncGuard> EnterAsync(SemaphoreSlim gate) => Task.FromResult(new AsyncGuard());

    [ContextUnsafe("implementation")]
    public ValueTask DisposeAsync() => default;
}

class Work
{
    readonly SemaphoreSlim _gate = new(1, 1);
    [GuardedBy("_gate")] int _x;

    async Task A()
    {
        await using AsyncGuard guard = await AsyncGuard.EnterAsync(_gate);
        _x = 1;
        await Task.Delay(1);
        _x = 2;
    }

    async Task B()
    {
        await using (await AsyncGuard.EnterAsync(_gate))
        {
            _x = 1;
        }
    }
}
