// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;
    MutexGuard? _guard;

    void A()
    {
        _guard = new MutexGuard(_mu);
        _x = 1;
    }
}
