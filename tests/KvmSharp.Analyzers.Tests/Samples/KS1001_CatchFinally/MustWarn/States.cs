// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void HeldInCatch()
    {
        _mu.Lock();
        try
        {
            UseInt(1);
        }
        catch (Exception)
        {
            _x = 1;
        }

        _mu.Unlock();
    }

    void NotHeldInCatch()
    {
        try
        {
            UseInt(1);
        }
        catch (Exception)
        {
            UseInt(_x); // KS1001
        }
    }

    void FilterSeesTheSame()
    {
        try
        {
            UseInt(1);
        }
        catch (Exception) when (_x > 3) // KS1001
        {
            UseInt(2);
        }
    }

    void ReleasedByInnerFinally()
    {
        try
        {
            _mu.Lock();
            try
            {
                UseInt(1);
            }
            finally
            {
                _mu.Unlock();
            }
        }
        catch (Exception)
        {
            UseInt(_x); // KS1001
        }
    }

    void ReleasedByUsing()
    {
        try
        {
            using var guard = new MutexGuard(_mu);
            UseInt(_x);
            throw new InvalidOperationException();
        }
        catch (InvalidOperationException)
        {
            UseInt(_x); // KS1001
        }
    }
}
