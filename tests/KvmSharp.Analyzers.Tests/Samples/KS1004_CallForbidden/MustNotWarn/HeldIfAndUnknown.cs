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
        bool got = _mu.TryLock();
        Slow();
        if (got)
            _mu.Unlock();
    }

    void B()
    {
        if (!_mu.TryLock())
        {
            Slow();
            return;
        }

        _mu.Unlock();
        Slow();
    }
}
