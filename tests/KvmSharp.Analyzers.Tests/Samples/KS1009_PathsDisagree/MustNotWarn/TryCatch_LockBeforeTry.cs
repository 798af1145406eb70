// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        _mu.Lock();
        try
        {
            UseInt(1);
            _x = 1;
        }
        catch (Exception)
        {
            _x = 2;
        }

        _mu.Unlock();
    }

    void B()
    {
        try
        {
            _mu.Lock();
            UseInt(1);
            _x = 2;
            _mu.Unlock();
        }
        catch (Exception)
        {
            _x = 1;
            _mu.Unlock();
        }
    }
}
