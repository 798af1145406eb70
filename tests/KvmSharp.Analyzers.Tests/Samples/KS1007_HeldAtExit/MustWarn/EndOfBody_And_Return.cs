// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.Lock();
    } // KS1007

    int B(int x)
    {
        _mu.Lock();
        if (x > 0)
            return 1; // KS1007
        _mu.Unlock();
        return 2;
    }

    void C() => _mu.Lock(); // KS1007
}
