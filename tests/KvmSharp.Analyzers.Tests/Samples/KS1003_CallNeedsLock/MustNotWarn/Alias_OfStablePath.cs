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

    void M(Node a)
    {
        Node n = a.Next;
        n.Mu.Lock();
        a.Next.Visit();
        ((Node)n).Visit();
        (n as Node)!.Visit();
        a.Next!.Mu.Unlock();
        KMutex mu = a.Mu;
        mu.Lock();
        a.Visit();
        a.Mu.Unlock();
    }

    void P(object o)
    {
        if (o is Node node)
        {
            node.Mu.Lock();
            ((Node)o).Visit();
            node.Mu.Unlock();
        }
    }
}
