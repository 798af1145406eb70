// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Acquires("_mu")]
    void Begin() => _mu.Lock();

    [Releases("_mu")]
    void End() => _mu.Unlock();

    void A()
    {
        Begin();
        Begin(); // KS1005
        End();
    }

    void B()
    {
        Begin();
        _mu.Lock(); // KS1005
        End();
    }
}
