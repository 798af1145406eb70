// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        Take();
        _mu.Unlock();

        void Take() => _mu.Lock(); // KS1005
    }
}
