// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
}

class Holder
{
    Node? _node;

    public Node? Node
    {
        get => _node;
        [MustHold("value.Mu")]
        set => _node = value;
    }

    void M(Node a, Node b)
    {
        a.Mu.Lock();
        Node = a;
        Node = b; // KS1003
        a.Mu.Unlock();
    }
}
