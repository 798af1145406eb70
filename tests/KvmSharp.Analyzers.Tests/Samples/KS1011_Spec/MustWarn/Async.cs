// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Threading;
using System.Threading.Tasks;

class Service
{
    readonly KMutex _mu = new();
    readonly Spin _spin = new();
    readonly SemaphoreSlim _sem = new(1, 1);
    readonly SemaphoreSlim _two = new(2, 2);

    [GuardedBy("_sem")]
    int _state;

    [GuardedBy("_mu")]
    int _value;

    async Task A()
    {
        await _sem.WaitAsync();
        _state++;
        await Task.Delay(1);
        _state++;
        _sem.Release();
        _state++; // KS1002
    }

    async Task B()
    {
        _mu.Lock();
        await Task.Delay(1); // KS1011
        _mu.Unlock();
    }

    async Task C(CancellationToken token)
    {
        await _sem.WaitAsync(token).ConfigureAwait(false);
        try
        {
            _state = 1;
        }
        finally
        {
            _sem.Release();
        }
    }

    async Task D()
    {
        if (await _sem.WaitAsync(10))
        {
            _state = 1;
            _sem.Release();
        }

        _state = 2; // KS1002
    }

    async Task E()
    {
        Task t = _sem.WaitAsync();
        _state = 1; // KS1002
        await t;
        _state = 2;
        _sem.Release();
    }

    async Task F()
    {
        await _sem.WaitAsync();
    } // KS1007

    [MustHold("_mu")]
    async Task G()
    {
        _value = 1;
        await Task.Yield(); // KS1011
        _value = 2; // KS1002
    }

    [Acquires("_sem")]
    async Task Take() => await _sem.WaitAsync();

    async Task H()
    {
        await Take();
        _state = 1;
        _sem.Release();
    }

    async Task I()
    {
        Task t = Take();
        _state = 1; // KS1002
        await t.ConfigureAwait(false);
        _state = 2;
        _sem.Release();
    }

    [CondAcquires(true, "_sem")]
    Task<bool> TryTake() => _sem.WaitAsync(0);

    async Task J()
    {
        if (!await TryTake())
            return;
        _state = 1;
        _sem.Release();
    }

    async Task K()
    {
        await _two.WaitAsync();
        await Task.Delay(1);
    }

    [AtomicContext]
    async Task L()
    {
        await Task.Delay(1); // KS1011
    }

    void M()
    {
        _spin.Lock();
        Thread.Sleep(1); // KS1011
        Thread.SpinWait(1);
        Thread.Yield();
        _sem.Wait(0);
        _spin.Unlock();
    } // KS1007

    void N(Task<int> t, ManualResetEventSlim e, BlockingQueue q)
    {
        _spin.Lock();
        UseInt(t.Result); // KS1011
        t.Wait(); // KS1011
        t.GetAwaiter().GetResult(); // KS1011
        e.Wait(); // KS1011
        e.Wait(0);
        q.Items.Take(); // KS1011
        lock (q) // KS1011
        {
        }

        _spin.Unlock();
    }
}

class BlockingQueue
{
    public readonly System.Collections.Concurrent.BlockingCollection<int> Items = new();
}
