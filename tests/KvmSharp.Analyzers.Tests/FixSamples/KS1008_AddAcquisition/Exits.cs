// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Acquires("_mu")]
    void A()
    {
        UseInt(1);
    }

    [Acquires("_mu")]
    int B(int x)
    {
        if (x == 0)
            return 0;
        _mu.Lock();
        return 1;
    }

    [Acquires("_mu")]
    void C() => UseInt(1);
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();

    [Acquires("_mu")]
    void A()
    {
        UseInt(1);
        _mu.Lock();
    }

    [Acquires("_mu")]
    int B(int x)
    {
        if (x == 0)
        {
            _mu.Lock();
            return 0;
        }
        _mu.Lock();
        return 1;
    }

    [Acquires("_mu")]
    void C()
    {
        _mu.Lock();
        UseInt(1);
    }
}
