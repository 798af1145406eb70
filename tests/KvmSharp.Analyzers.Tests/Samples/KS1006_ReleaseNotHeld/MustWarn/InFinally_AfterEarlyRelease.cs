// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(bool early)
    {
        _mu.Lock();
        try
        {
            UseInt(1);
            _mu.Unlock();
            return;
        }
        finally
        {
            UseInt(2);
        }
    }

    void B()
    {
        _mu.Lock();
        try
        {
            _mu.Unlock();
        }
        finally
        {
            _mu.Unlock(); // KS1006
        }
    }
}
