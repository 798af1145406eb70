// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
}

class Finder
{
    readonly List<Node> _nodes = new();

    Node Find() => _nodes[0];

    int A()
    {
        Find().Mu.Lock();
        return Find().Value; // KS1001
    }

    int B() => Find().Value; // KS1001
}
