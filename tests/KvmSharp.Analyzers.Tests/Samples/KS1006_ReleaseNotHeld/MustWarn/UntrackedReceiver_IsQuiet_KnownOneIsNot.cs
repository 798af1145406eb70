// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    static Node Find() => new();

    static void A()
    {
        Find().Mu.Unlock();
        Find().Mu.Lock();
    }

    static void B(Node known)
    {
        known.Mu.Unlock(); // KS1006
    }
}
