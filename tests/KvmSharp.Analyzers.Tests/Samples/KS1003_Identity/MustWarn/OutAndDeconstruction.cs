// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Visit()
    {
    }

    static void Find(out Node node) => node = new Node();

    static void A(Node a)
    {
        a.Mu.Lock();
        Node n = a;
        Find(out n);
        n.Visit(); // KS1003
        a.Mu.Unlock();
    }

    static void B(Node a, Node b)
    {
        a.Mu.Lock();
        Node n = a;
        (n, _) = (b, 1);
        n.Visit(); // KS1003
        a.Visit();
        a.Mu.Unlock();
    }
}
