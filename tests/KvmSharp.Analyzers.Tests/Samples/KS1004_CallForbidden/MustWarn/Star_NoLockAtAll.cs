// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly object _b = new();

    [MustNotHold("*")]
    static void Quiesce()
    {
    }

    void A()
    {
        Quiesce();
        _a.Lock();
        Quiesce(); // KS1004
        _a.Unlock();
        lock (_b)
        {
            Quiesce(); // KS1004
        }
    }
}
