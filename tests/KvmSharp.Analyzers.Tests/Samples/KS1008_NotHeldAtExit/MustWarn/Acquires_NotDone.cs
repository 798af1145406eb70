// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Acquires("_mu")]
    void A()
    {
        UseInt(1);
    } // KS1008

    [Acquires("_mu")]
    int B(int x)
    {
        if (x == 0)
            return 0; // KS1008
        _mu.Lock();
        return 1;
    }

    [Acquires("_mu")]
    void C() => UseInt(1); // KS1008
}
