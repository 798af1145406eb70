// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    void A(int x)
    {
        if (x < 0)
            throw new ArgumentException("x");
    }

    [Releases("_mu")]
    void B(int x)
    {
        if (x < 0)
            throw new ArgumentException("x");
        _mu.Unlock();
    }

    [Acquires("_mu")]
    void C(int x)
    {
        if (x < 0)
            throw new ArgumentException("x");
        _mu.Lock();
    }

    void D(int x)
    {
        _mu.Lock();
        try
        {
            if (x < 0)
                throw new ArgumentException("x");
        }
        finally
        {
            _mu.Unlock();
        }
    }

    readonly object _gate = new();

    void E()
    {
        lock (_gate)
            throw new InvalidOperationException();
    }

    void F()
    {
        using var guard = new MutexGuard(_mu);
        throw new InvalidOperationException();
    }
}
