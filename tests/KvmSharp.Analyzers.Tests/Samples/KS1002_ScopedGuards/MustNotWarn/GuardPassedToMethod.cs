// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    static void Look(MutexGuard guard)
    {
    }

    void A()
    {
        using var guard = new MutexGuard(_mu);
        Look(guard);
        _x = 1;
    }
}
