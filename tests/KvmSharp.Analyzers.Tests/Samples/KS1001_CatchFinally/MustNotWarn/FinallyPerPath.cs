// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    int A(int x)
    {
        _mu.Lock();
        try
        {
            if (x == 0)
                return _x;
            UseInt(x);
        }
        finally
        {
            _x = 0;
            _mu.Unlock();
        }

        return 1;
    }

    void B()
    {
        bool locked = false;
        try
        {
            UseInt(1);
            _mu.Lock();
            locked = true;
            _x = 1;
            UseInt(2);
        }
        finally
        {
            if (locked)
                _mu.Unlock();
        }
    }
}
