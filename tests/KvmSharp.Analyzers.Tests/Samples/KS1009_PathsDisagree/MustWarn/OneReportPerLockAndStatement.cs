// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    void A(int x)
    {
        if (x > 3) // KS1009
        {
            _a.Lock();
            _b.Lock();
        }

        UseInt(1);
        if (x > 4) // KS1009
        {
            _a.Unlock();
            _a.Lock();
        }
        else
        {
            _a.Lock();
            _a.Unlock();
        }
    }
}
