// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        if (x > 3)
        {
            _mu.Lock();
        }
        else
        {
            UseInt(1);
            _mu.Lock();
        }

        UseInt(1);
        _mu.Unlock();
    }

    void B(int x)
    {
        _mu.Lock();
        if (x > 3)
        {
            _mu.Unlock();
            return;
        }

        _mu.Unlock();
    }
}
