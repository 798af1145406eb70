// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [MustNotHold("_mu")]
    void Slow()
    {
    }

    void A()
    {
        _mu.Lock();
        Slow(); // KS1004
        _mu.Unlock();
        Slow();
    }

    [MustHold("_mu")]
    void B() => Slow(); // KS1004
}
