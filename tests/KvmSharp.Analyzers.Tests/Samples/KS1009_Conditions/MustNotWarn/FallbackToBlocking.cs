// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        if (!_mu.TryLock())
            _mu.Lock();
        _x = 1;
        _mu.Unlock();
    }

    bool B(int tries)
    {
        for (int i = 0; i < tries; i++)
        {
            if (_mu.TryLock())
            {
                _x = i;
                _mu.Unlock();
                return true;
            }
        }

        return false;
    }
}
