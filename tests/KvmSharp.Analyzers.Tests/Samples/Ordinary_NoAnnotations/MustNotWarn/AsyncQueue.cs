// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class AsyncQueue<T> : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SemaphoreSlim _items = new(0);
    private readonly Queue<T> _queue = new();
    private readonly CancellationTokenSource _stop = new();

    public async Task EnqueueAsync(T item, CancellationToken token = default)
    {
        await _gate.WaitAsync(token).ConfigureAwait(false);
        try
        {
            _queue.Enqueue(item);
        }
        finally
        {
            _gate.Release();
        }

        _items.Release();
    }

    public async Task<T> DequeueAsync(CancellationToken token = default)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(token, _stop.Token);
        await _items.WaitAsync(linked.Token);
        await _gate.WaitAsync(linked.Token);
        try
        {
            return _queue.Dequeue();
        }
        finally
        {
            _gate.Release();
        }
    }

    public async IAsyncEnumerable<T> DrainAsync()
    {
        while (true)
        {
            T item;
            try
            {
                item = await DequeueAsync();
            }
            catch (OperationCanceledException)
            {
                yield break;
            }

            yield return item;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _gate.Dispose();
        _items.Dispose();
        _stop.Dispose();
    }
}
