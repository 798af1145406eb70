// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x, int y)
    {
        if (x > 3)
        {
            if (y > 3) // KS1009
                _mu.Lock();
            UseInt(1);
        }
    }
}
