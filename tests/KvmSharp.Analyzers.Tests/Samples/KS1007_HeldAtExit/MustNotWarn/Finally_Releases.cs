// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    int A(int x)
    {
        _mu.Lock();
        try
        {
            if (x == 0)
                return 0;
            UseInt(x);
            return 1;
        }
        finally
        {
            _mu.Unlock();
        }
    }

    void B(IEnumerable<int> xs)
    {
        foreach (int x in xs)
        {
            _mu.Lock();
            try
            {
                if (x == 1)
                    continue;
                if (x == 2)
                    break;
                UseInt(x);
            }
            finally
            {
                _mu.Unlock();
            }
        }
    }
}
