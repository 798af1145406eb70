// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    static void A(List<Node> nodes)
    {
        foreach (Node node in nodes)
        {
            node.Mu.Lock();
            UseInt(1);
            node.Mu.Unlock();
        }
    }

    static void B(Node[] nodes, int i)
    {
        nodes[i].Mu.Lock();
        nodes[0].Mu.Lock();
        nodes[0].Mu.Unlock();
        nodes[i].Mu.Unlock();
    }
}
