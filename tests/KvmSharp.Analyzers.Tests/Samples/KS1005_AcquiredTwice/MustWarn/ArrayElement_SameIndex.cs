// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    static void A(Node[] nodes, int i)
    {
        nodes[i].Mu.Lock();
        nodes[i].Mu.Lock(); // KS1005
        nodes[i].Mu.Unlock();
        nodes[2].Mu.Lock();
        nodes[2].Mu.Lock(); // KS1005
        nodes[2].Mu.Unlock();
    }
}
