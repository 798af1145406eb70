// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    int A(int x)
    {
        _a.Lock();
        try
        {
            _b.Lock();
            try
            {
                if (x < 0)
                    throw new ArgumentException("x");
                return x;
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
}
