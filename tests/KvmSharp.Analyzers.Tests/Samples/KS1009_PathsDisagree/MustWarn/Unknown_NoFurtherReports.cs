// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [MustHold("_mu")]
    void Locked()
    {
    }

    int A(int x)
    {
        if (x > 3) // KS1009
            _mu.Lock();
        _x = 1;
        Locked();
        return _x;
    }

    void B(int x)
    {
        if (x > 3) // KS1009
            _mu.Lock();
        _mu.Unlock();
        _x = 2; // KS1002
    }

    void C(int x)
    {
        if (x > 3) // KS1009
            _mu.Lock();
        _mu.Lock();
        _x = 2;
        _mu.Unlock();
    }
}
