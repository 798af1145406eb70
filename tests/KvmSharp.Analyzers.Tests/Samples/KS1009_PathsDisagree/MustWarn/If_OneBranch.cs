// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        if (x > 3) // KS1009
        {
            _mu.Lock();
        }

        UseInt(1);
    }

    void B(int x)
    {
        _mu.Lock();
        if (x > 3) // KS1009
            _mu.Unlock();
        UseInt(1);
    }

    void C(int x)
    {
        if (x > 3) // KS1009
            UseInt(1);
        else
            _mu.Lock();
        UseInt(1);
    }
}
