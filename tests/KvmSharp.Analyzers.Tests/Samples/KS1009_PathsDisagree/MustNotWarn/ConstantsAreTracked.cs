// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        bool locked = false;
        if (locked)
            _mu.Unlock();
        _mu.Lock();
        locked = true;
        if (x > 2)
        {
            _mu.Unlock();
            locked = false;
        }

        UseInt(x);
        if (locked)
            _mu.Unlock();
    }

    int B(int[] xs)
    {
        bool locked = false;
        int err = 0;
        foreach (int x in xs)
        {
            if (x == 3)
            {
                _mu.Lock();
                locked = true;
                break;
            }
        }

        if (locked)
            _mu.Unlock();
        return err;
    }
}
