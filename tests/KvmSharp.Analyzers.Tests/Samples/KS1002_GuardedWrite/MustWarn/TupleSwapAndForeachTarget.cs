// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Pair
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;
    int _y;

    void Swap()
    {
        int t = 1;
        (_y, _x) = (t, 2); // KS1002
    }

    void Locked()
    {
        _mu.Lock();
        (_x, _y) = (_y, _x);
        _mu.Unlock();
    }
}
