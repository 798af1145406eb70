// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _mu.Lock();
            UseInt(i);
            _mu.Unlock();
        }

        _mu.Lock();
        while (n-- > 0)
        {
            _mu.Unlock();
            UseInt(n);
            _mu.Lock();
        }

        _mu.Unlock();
    }

    void B()
    {
        while (true)
        {
            _mu.Lock();
            if (Number() == 1)
            {
                _mu.Unlock();
                continue;
            }

            if (Number() == 2)
                break;
            _mu.Unlock();
        }

        _mu.Unlock();
    }
}
