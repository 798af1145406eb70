// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Visit()
    {
    }

    static void A(List<Node> nodes)
    {
        foreach (Node node in nodes)
        {
            node.Visit(); // KS1003
            node.Mu.Lock();
            node.Visit();
            node.Mu.Unlock();
        }
    }
}
