// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly SemaphoreSlim _one = new SemaphoreSlim(1);
    [GuardedBy("_one")] int _x;

    void A()
    {
        _one.Wait();
        _x = 1;
        _one.Release();
        UseInt(_x); // KS1001
    }

    void B()
    {
        if (_one.Wait(100))
        {
            _x = 1;
            _one.Release();
        }
        else
        {
            UseInt(_x); // KS1001
        }
    }

    async Task C(CancellationToken token)
    {
        await _one.WaitAsync(token).ConfigureAwait(false);
        _x = 1;
        _one.Release();
        UseInt(_x); // KS1001
    }

    async Task D()
    {
        if (!await _one.WaitAsync(100))
        {
            UseInt(_x); // KS1001
            return;
        }

        _x = 1;
        _one.Release();
    }

    async Task E()
    {
        Task wait = _one.WaitAsync();
        UseInt(_x); // KS1001
        await wait;
        _x = 1;
        _one.Release();
    }
}
