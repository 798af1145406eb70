// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void M()
    {
        Inner(); // KS1003
        _mu.Lock();
        Inner();
        _mu.Unlock();

        [MustHold("_mu")]
        void Inner() => _x++;
    }
}
