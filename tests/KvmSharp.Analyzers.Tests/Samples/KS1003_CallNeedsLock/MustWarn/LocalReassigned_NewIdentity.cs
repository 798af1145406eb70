// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    public Node Next = null!;

    [MustHold("Mu")]
    public void Visit()
    {
    }

    static void Swap(ref Node n)
    {
    }

    static void M(Node a, Node b)
    {
        a.Mu.Lock();
        Node n = a;
        n.Visit();
        n = b;
        n.Visit(); // KS1003
        a.Visit();
        n = a;
        n.Visit();
        Swap(ref n);
        n.Visit(); // KS1003
        a.Mu.Unlock();
    }
}
