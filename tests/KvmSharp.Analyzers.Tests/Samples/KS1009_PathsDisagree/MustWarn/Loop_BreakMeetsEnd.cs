// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int n)
    {
        while (n-- > 0) // KS1009
        {
            _mu.Lock();
            if (n == 3)
                break;
            _mu.Unlock();
        }

        UseInt(1);
    }
}
