// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly SemaphoreSlim _one = new(1, 1);
    [GuardedBy("_one")] int _x;

    async Task A()
    {
        await _one.WaitAsync();
        try
        {
            _x++;
            await Task.Delay(1);
            _x++;
        }
        finally
        {
            _one.Release();
        }
    }

    async Task B()
    {
        _one.Wait();
        await Task.Delay(1).ConfigureAwait(false);
        _x = 1;
        _one.Release();
    }
}
