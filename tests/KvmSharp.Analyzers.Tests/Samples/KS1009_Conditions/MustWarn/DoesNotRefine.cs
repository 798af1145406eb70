// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void Greater()
    {
        int err = _mu.LockInterruptible();
        if (err > 0)
            return; // KS1007
        _x = 1; // KS1002
        _mu.Unlock(); // KS1006
    }

    void Overwritten()
    {
        bool got = _mu.TryLock();
        got = true; // KS1009
        Use(got);
    }
}
