// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Threading.Channels;

public sealed class Pipeline<TIn, TOut>(Func<TIn, CancellationToken, Task<TOut>> step, int workers) : IAsyncDisposable
{
    private readonly Channel<TIn> _in = Channel.CreateBounded<TIn>(16);
    private readonly Channel<TOut> _out = Channel.CreateUnbounded<TOut>();
    private readonly CancellationTokenSource _stop = new();
    private Task? _running;

    public ChannelReader<TOut> Results => _out.Reader;

    public void Start() => _running ??= Task.WhenAll(Enumerable.Range(0, workers).Select(_ => RunAsync(_stop.Token)));

    public ValueTask PostAsync(TIn item) => _in.Writer.WriteAsync(item, _stop.Token);

    private async Task RunAsync(CancellationToken token)
    {
        try
        {
            await foreach (TIn item in _in.Reader.ReadAllAsync(token).ConfigureAwait(false))
            {
                TOut result = await step(item, token).ConfigureAwait(false);
                await _out.Writer.WriteAsync(result, token);
            }
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
        }
        finally
        {
            _out.Writer.TryComplete();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _in.Writer.TryComplete();
        if (_running is { } running)
            await running;
        _stop.Dispose();
    }
}
