// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly SemaphoreSlim _one = new(1, 1);
    [GuardedBy("_one")] int _x;

    async ValueTask<int> A(TimeSpan timeout, CancellationToken token)
    {
        if (!await _one.WaitAsync(timeout, token).ConfigureAwait(false))
            return -1;
        try
        {
            return ++_x;
        }
        finally
        {
            _one.Release();
        }
    }

    async Task B()
    {
        bool entered = await _one.WaitAsync(TimeSpan.FromSeconds(1));
        try
        {
            if (entered)
                _x++;
        }
        finally
        {
            if (entered)
                _one.Release();
        }
    }
}
