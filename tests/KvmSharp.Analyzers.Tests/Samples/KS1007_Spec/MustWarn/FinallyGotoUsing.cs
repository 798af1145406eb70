// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    [GuardedBy("_a")]
    int _x;

    void Nested()
    {
        _a.Lock();
        try
        {
            _b.Lock();
            try
            {
                _x = Number();
            }
            finally
            {
                _b.Unlock();
            }
        }
        finally
        {
            _a.Unlock();
        }
    }

    int EarlyReturn(int n)
    {
        _a.Lock();
        try
        {
            if (n > 3)
                return _x;
            _x = n;
        }
        finally
        {
            _a.Unlock();
        }

        return _x; // KS1001
    }

    void FinallyForgets()
    {
        _a.Lock();
        _b.Lock();
        try
        {
            UseInt(1);
        }
        finally
        {
            _b.Unlock();
        }
    } // KS1007

    void ThrowInside(bool b)
    {
        _a.Lock();
        if (b)
            throw new InvalidOperationException(); // KS1007
        _a.Unlock();
    }

    void ThrowProtected(bool b)
    {
        _a.Lock();
        try
        {
            if (b)
                throw new InvalidOperationException();
        }
        finally
        {
            _a.Unlock();
        }
    }

    [Releases("_a")]
    void ThrowContract(bool b)
    {
        if (b)
            throw new InvalidOperationException();
        _a.Unlock();
    }

    int Unwind(int n)
    {
        int err = 0;
        _a.Lock();
        if (n == 1)
            goto unlock_a;
        _b.Lock();
        if (n == 2)
        {
            err = 2;
            goto unlock_b;
        }

        _x = n;
    unlock_b:
        _b.Unlock();
    unlock_a:
        _a.Unlock();
        return err;
    }

    int UnwindBad(int n)
    {
        _a.Lock();
        if (n == 1)
            goto done;
        _a.Unlock();
        return 0;
    done:
        return 1; // KS1007
    }

    void Retry()
    {
    again:
        _a.Lock();
        if (Flag())
        {
            _a.Unlock();
            goto again;
        }

        _a.Unlock();
    }

    void Using()
    {
        using (new MutexGuard(_a))
            _x = 1;
        using var g = new MutexGuard(_a);
        _x = 2;
    }

    void UsingBlock(bool b)
    {
        {
            using var g = new MutexGuard(_a);
            if (b)
                return;
            _x = 1;
        }

        _x = 2; // KS1002
    }

    void Undisposed()
    {
        var g = new MutexGuard(_a);
        _x = 1;
        Use(g);
    } // KS1007

    void Explicit()
    {
        var g = new MutexGuard(_a);
        _x = 1;
        g.Dispose();
        _x = 2; // KS1002
    }

    [Acquires("_a")]
    MutexGuard Handed() => new(_a);

    void Nullable(bool b)
    {
        using MutexGuard? g = b ? new MutexGuard(_a) : null;
        if (b)
            _x = 1; // KS1002
    }

    void CatchStates()
    {
        try // KS1009
        {
            _a.Lock();
            UseInt(Number());
            _a.Unlock();
        }
        catch (Exception)
        {
            _x = 1;
        }
    }
}
