// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void Declaration()
    {
        using var guard = new MutexGuard(_mu);
        _x = 1;
    }

    void Statement()
    {
        using (var guard = new MutexGuard(_mu))
            _x = 1;
    }

    void Explicit()
    {
        MutexGuard guard = new(_mu);
        try
        {
            _x = 1;
        }
        finally
        {
            guard.Dispose();
        }
    }

    int Return()
    {
        using (new MutexGuard(_mu))
            return _x;
    }

    void Throw()
    {
        using var guard = new MutexGuard(_mu);
        throw new InvalidOperationException();
    }
}
