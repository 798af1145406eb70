// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        try
        {
            UseInt(1);
        }
        catch (Exception)
        {
            throw; // KS1007
        }

        _mu.Unlock();
    }

    void B()
    {
        _mu.Lock();
        try
        {
            UseInt(1);
        }
        catch (Exception)
        {
            _mu.Unlock();
            throw;
        }

        _mu.Unlock();
    }
}
