// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    static void A(Node a, Node b)
    {
        a.Mu.Lock();
        b.Mu.Unlock(); // KS1006
        a.Mu.Unlock();
    }
}
