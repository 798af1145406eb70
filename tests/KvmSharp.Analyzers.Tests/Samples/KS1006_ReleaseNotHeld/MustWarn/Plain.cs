// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Unlock(); // KS1006
    }

    void B()
    {
        _mu.Lock();
        _mu.Unlock();
        _mu.Unlock(); // KS1006
    }

    [MustNotHold("_mu")]
    void C() => _mu.Unlock(); // KS1006
}
