// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Try
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void Early()
    {
        bool got = _mu.TryLock();
        UseInt(_x); // KS1001
        if (got)
        {
            UseInt(_x);
            _mu.Unlock();
        }
    }
}
