// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    static void A(List<Node> nodes)
    {
        foreach (Node node in nodes) // KS1009
        {
            node.Mu.Lock();
        }
    }

    static void B(Func<Node> make)
    {
        for (int i = 0; i < 3; i++) // KS1009
        {
            Node node = make();
            node.Mu.Lock();
        }
    }
}
