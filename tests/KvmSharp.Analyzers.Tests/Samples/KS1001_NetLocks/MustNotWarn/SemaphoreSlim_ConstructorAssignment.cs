// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly SemaphoreSlim _one;
    [GuardedBy("_one")] int _x;

    public Cache() => _one = new SemaphoreSlim(1, 1);

    void A()
    {
        _one.Wait();
        try
        {
            _x = 1;
        }
        finally
        {
            _one.Release();
        }
    }
}
