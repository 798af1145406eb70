// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int n)
    {
        for (int i = 0; i < n; i++) // KS1009
        {
            UseInt(1);
            _mu.Lock();
        }
    }

    void B(int n)
    {
        while (n-- > 0) // KS1009
            _mu.Lock();
    }

    void C(IEnumerable<int> xs)
    {
        foreach (int x in xs) // KS1009
            _mu.Lock();
    }

    void D()
    {
        do // KS1009
        {
            UseInt(1);
            _mu.Lock();
        }
        while (Number() > 3);
        _mu.Unlock();
    }
}
