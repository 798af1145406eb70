// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Big
{
    public static readonly KMutex Mu = new();
}

class Node
{
    [AcquiredAfter("Big.Mu")]
    public readonly KMutex Mu = new();

    void M()
    {
        Mu.Lock();
        Big.Mu.Lock(); // KS1010
        Big.Mu.Unlock();
        Mu.Unlock();
    }

    void N()
    {
        Big.Mu.Lock();
        Mu.Lock();
        Mu.Unlock();
        Big.Mu.Unlock();
    }
}
