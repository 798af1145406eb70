// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        bool got = _mu.TryLock();
        got = Flag(); // KS1009
        if (got)
            _mu.Unlock();
    }
}
