// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    [CondAcquires(true, "return.Mu")]
    [ContextUnsafe("implementation")]
    static Node? Find(int key) => null;

    static void A()
    {
        Node? node = Find(1);
        if (node is null)
            return;
        node.Mu.Unlock();
    }

    static void B()
    {
        if (Find(1) is { } node)
            node.Mu.Unlock();
    }

    static void C()
    {
        Node? node = Find(1);
        if (node != null)
            node.Mu.Unlock();
    }

    static void D()
    {
        Node? node = Find(1);
        if (node is not null)
            node.Mu.Unlock();
        Node? other = Find(2);
        if (other == null)
            return;
        other.Mu.Unlock();
    }
}
