// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        for (int i = 0; i < 3; i++)
        {
            _mu.Lock(); // KS1005
        }

        _mu.Unlock();
    }
}
