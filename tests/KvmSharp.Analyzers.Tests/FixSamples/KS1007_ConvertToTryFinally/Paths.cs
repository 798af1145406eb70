// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly object _gate = new();

    int A(int x)
    {
        _mu.Lock();
        if (x == 0)
            return 0; // keep: zero
        UseInt(x);
        _mu.Unlock();
        return 1;
    }

    void B()
    {
        Monitor.Enter(_gate);

        // keep: work
        UseInt(1);
    }

    int C(int x)
    {
        _mu.Lock();
        int y = x + 1;
        if (y == 0)
        {
            _mu.Unlock();
            return 0;
        }

        if (y == 1)
            return 1;
        _mu.Unlock();
        return y;
    }
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();
    readonly object _gate = new();

    int A(int x)
    {
        _mu.Lock();
        try
        {
            if (x == 0)
                return 0; // keep: zero
            UseInt(x);
        }
        finally
        {
            _mu.Unlock();
        }
        return 1;
    }

    void B()
    {
        Monitor.Enter(_gate);

        // keep: work
        try
        {
            UseInt(1);
        }
        finally
        {
            Monitor.Exit(_gate);
        }
    }

    int C(int x)
    {
        _mu.Lock();
        try
        {
            int y = x + 1;
            if (y == 0)
            {
                return 0;
            }

            if (y == 1)
                return 1;
            return y;
        }
        finally
        {
            _mu.Unlock();
        }
    }
}
