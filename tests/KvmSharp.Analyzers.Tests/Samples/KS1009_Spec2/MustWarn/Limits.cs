// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

// option: kvmsharp.max_correlations = 0

class Work
{
    readonly KMutex _mu = new();

    void A(bool b)
    {
        if (b) // KS1009
            _mu.Lock();
        if (b)
            _mu.Unlock();
    }

    void B()
    {
        if (_mu.TryLock())
            _mu.Unlock();
    }
}
