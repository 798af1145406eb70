// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(bool need)
    {
        MutexGuard? guard = null;
        try
        {
            if (need)
                guard = new MutexGuard(_mu);
            UseInt(1);
        }
        finally
        {
            guard?.Dispose();
        }
    }

    void B()
    {
        using MutexGuard? none = null;
        UseInt(1);
    }
}
