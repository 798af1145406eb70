// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        bool got = _mu.TryLock();
        try
        {
            UseInt(1);
        }
        finally
        {
            _mu.Unlock(); // KS1006
        }

        UseInt(got ? 1 : 0);
    }

    void B()
    {
        bool got = _mu.TryLock();
        try
        {
            UseInt(1);
        }
        finally
        {
            if (got)
                _mu.Unlock();
        }
    }
}
