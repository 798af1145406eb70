// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        Begin();
        Touch();
        End();

        [Acquires("_mu")]
        void Begin() => _mu.Lock();

        [MustHold("_mu")]
        void Touch() => _x++;

        [Releases("_mu")]
        void End() => _mu.Unlock();
    }
}
