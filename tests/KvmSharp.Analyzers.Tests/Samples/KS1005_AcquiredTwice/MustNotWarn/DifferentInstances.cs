// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    static void Both(Node a, Node b)
    {
        a.Mu.Lock();
        b.Mu.Lock();
        b.Mu.Unlock();
        a.Mu.Unlock();
    }

    static void Again(Node a)
    {
        a.Mu.Lock();
        a.Mu.Unlock();
        a.Mu.Lock();
        a.Mu.Unlock();
    }
}
