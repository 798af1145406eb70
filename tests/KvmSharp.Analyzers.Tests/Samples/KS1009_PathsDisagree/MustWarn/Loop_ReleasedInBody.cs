// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int n)
    {
        _mu.Lock();
        for (int i = 0; i < n; i++) // KS1009
        {
            _mu.Unlock();
        }
    }
}
