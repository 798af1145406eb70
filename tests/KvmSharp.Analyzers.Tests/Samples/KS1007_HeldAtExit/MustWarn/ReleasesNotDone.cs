// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Releases("_mu")]
    void A()
    {
        UseInt(1);
    } // KS1007

    [Releases("_mu")]
    int B(bool x)
    {
        if (x)
            return 1; // KS1007
        _mu.Unlock();
        return 2;
    }
}
