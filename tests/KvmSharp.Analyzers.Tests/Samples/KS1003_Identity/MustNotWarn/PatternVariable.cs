// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    public Node? Next;

    [MustHold("Mu")]
    public void Visit()
    {
    }

    void A()
    {
        if (Next is { } next)
        {
            next.Mu.Lock();
            Next.Visit();
            Next.Mu.Unlock();
        }
    }

    void B(object o)
    {
        if (o is Node n && n.Mu.TryLock())
        {
            n.Visit();
            n.Mu.Unlock();
        }
    }
}
