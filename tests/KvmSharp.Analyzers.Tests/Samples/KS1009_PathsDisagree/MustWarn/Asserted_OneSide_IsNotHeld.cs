// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void Silent(int x)
    {
        if (x > 3)
            _mu.AssertHeld();
        UseInt(1);
    }

    void AssertedAndAcquired(int x)
    {
        if (x > 3)
            _mu.AssertHeld();
        else
            _mu.Lock();
        _x = 1;
        _mu.Unlock();
    }

    void Loud(int x)
    {
        if (x > 3) // KS1009
            _mu.Lock();
        UseInt(1);
    }

    int Read(int x)
    {
        if (x > 3)
            _mu.AssertHeld();
        return _x; // KS1001
    }
}
