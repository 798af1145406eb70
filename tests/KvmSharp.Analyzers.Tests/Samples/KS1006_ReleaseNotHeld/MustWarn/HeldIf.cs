// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        bool got = _mu.TryLock();
        UseInt(got ? 1 : 2);
        _mu.Unlock(); // KS1006
    }

    void B()
    {
        _mu.TryLock();
        _mu.Unlock(); // KS1006
    }

    void C()
    {
        if (!_mu.TryLock())
            _mu.Unlock(); // KS1006
        else
            _mu.Unlock();
    }
}
