// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Visit()
    {
    }

    static void A(Node a, Node b, bool which)
    {
        Node n;
        if (which)
            n = a;
        else
            n = b;
        n.Mu.Lock();
        n.Visit();
        a.Visit(); // KS1003
        n.Mu.Unlock();
    }

    static void B(Node a, bool other)
    {
        Node n = a;
        if (other)
            UseInt(1);
        n.Mu.Lock();
        a.Visit();
        a.Mu.Unlock();
    }
}
