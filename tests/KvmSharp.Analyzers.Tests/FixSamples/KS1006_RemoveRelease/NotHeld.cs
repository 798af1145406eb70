// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        _mu.Unlock();

        // keep: here
        _mu.Unlock();
    }

    void B() => _mu.Unlock();

    void C(bool x)
    {
        if (x)
            _mu.Unlock();
    }
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        _mu.Unlock();

        // keep: here
    }

    void B()
    {
    }

    void C(bool x)
    {
        if (x)
        {
        }
    }
}
