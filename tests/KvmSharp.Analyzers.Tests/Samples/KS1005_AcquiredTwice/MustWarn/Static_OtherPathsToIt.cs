// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Big
{
    public static readonly KMutex Mu = new();

    public static void A()
    {
        Mu.Lock();
        Big.Mu.Lock(); // KS1005
        Mu.Unlock();
    }
}
