// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Visit()
    {
    }

    static void A(Node[] nodes, int i)
    {
        nodes[i].Mu.Lock();
        nodes[i].Visit();
        nodes[0].Visit(); // KS1003
        nodes[i].Mu.Unlock();
    }

    static void B(List<Node> nodes, int i, int j)
    {
        nodes[i].Mu.Lock();
        nodes[i].Visit();
        nodes[j].Visit(); // KS1003
        nodes[i].Mu.Unlock();
    }
}
