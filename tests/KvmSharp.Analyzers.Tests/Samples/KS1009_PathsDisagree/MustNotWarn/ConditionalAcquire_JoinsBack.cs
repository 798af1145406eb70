// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        bool got = _mu.TryLock();
        if (got)
            _x = 1;
        else
            UseInt(1);
        UseInt(2);
        if (got)
            _mu.Unlock();
    }
}
