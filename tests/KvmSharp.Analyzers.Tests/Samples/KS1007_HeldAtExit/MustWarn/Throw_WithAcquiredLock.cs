// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        _mu.Lock();
        if (x < 0)
            throw new ArgumentException("x"); // KS1007
        _mu.Unlock();
    }

    int B(int x)
    {
        _mu.Lock();
        int y = x > 0
            ? x
            : throw new ArgumentException("x"); // KS1007
        _mu.Unlock();
        return y;
    }
}
