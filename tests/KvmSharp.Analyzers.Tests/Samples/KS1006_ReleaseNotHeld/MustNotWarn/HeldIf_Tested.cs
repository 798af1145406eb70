// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        bool got = _mu.TryLock();
        if (got)
            _mu.Unlock();
    }

    void B()
    {
        if (!_mu.TryLock())
            return;
        _mu.Unlock();
    }
}
