// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(bool locked)
    {
        if (locked)
            _mu.Lock();
        UseInt(1);
        locked = Flag(); // KS1009
        if (locked)
            _mu.Unlock();
    }
}
