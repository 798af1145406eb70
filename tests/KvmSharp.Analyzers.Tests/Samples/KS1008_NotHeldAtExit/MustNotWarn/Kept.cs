// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    void A()
    {
        _mu.Unlock();
        UseInt(1);
        _mu.Lock();
    }

    [Acquires("_mu")]
    void B()
    {
        while (!_mu.TryLock())
            UseInt(1);
    }

    [Acquires("_mu")]
    void C()
    {
        if (!_mu.TryLock())
            _mu.Lock();
    }

    [Acquires("_mu")]
    void D() => throw new NotSupportedException();
}
