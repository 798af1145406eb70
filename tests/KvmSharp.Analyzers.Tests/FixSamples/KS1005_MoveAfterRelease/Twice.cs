// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
        _mu.Lock();
        UseInt(1);
        _mu.Unlock();
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
        UseInt(1);
        _mu.Unlock();
        _mu.Lock();
        _mu.Unlock();
    }
}
