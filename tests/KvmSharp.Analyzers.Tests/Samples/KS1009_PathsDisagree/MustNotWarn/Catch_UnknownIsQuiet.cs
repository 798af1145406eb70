// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        try
        {
            UseInt(1);
            _mu.Lock();
            UseInt(2);
            _mu.Unlock();
        }
        catch (Exception)
        {
            _x = 1;
        }
    }
}
