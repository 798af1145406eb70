// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    void A()
    {
        _mu.Lock();
        _mu.Unlock();
    }
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();

    [MustNotHold("_mu")]
    void A()
    {
        _mu.Lock();
        _mu.Unlock();
    }
}
