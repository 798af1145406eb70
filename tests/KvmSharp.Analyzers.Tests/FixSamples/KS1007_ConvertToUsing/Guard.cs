// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        var guard = new MutexGuard(_mu); // keep: guard
        _x = 1;
    }
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        using var guard = new MutexGuard(_mu); // keep: guard
        _x = 1;
    }
}
