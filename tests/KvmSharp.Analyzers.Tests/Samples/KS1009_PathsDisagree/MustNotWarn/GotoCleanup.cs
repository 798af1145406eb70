// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    int Retry(int n)
    {
    again:
        _mu.Lock();
        if (n-- > 0)
        {
            _mu.Unlock();
            goto again;
        }

        _mu.Unlock();
        return 0;
    }
}
