// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Copier : IDisposable
{
    private readonly Stream _from;
    private readonly Stream _to;
    private bool _disposed;

    public Copier(Stream from, Stream to) => (_from, _to) = (from, to);

    public async Task<long> RunAsync(IProgress<long>? progress, CancellationToken token)
    {
        byte[] buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(4096);
        long total = 0;
        try
        {
            int read;
            while ((read = await _from.ReadAsync(buffer, token).ConfigureAwait(false)) > 0)
            {
                await _to.WriteAsync(buffer.AsMemory(0, read), token);
                progress?.Report(total += read);
            }
        }
        catch (IOException e) when (e.HResult != 0)
        {
            throw new InvalidOperationException("copy failed", e);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }

        return total;
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _from.Dispose();
        using (_to)
        {
        }
    }
}
