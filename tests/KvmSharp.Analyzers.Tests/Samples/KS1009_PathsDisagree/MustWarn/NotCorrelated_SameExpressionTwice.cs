// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        if (x > 3) // KS1009
            _mu.Lock();
        UseInt(1);
        if (x > 3)
            _mu.Unlock();
    }
}
