// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
    static Node? _last;
    static readonly Node[] All = new Node[4];

    static int Stored()
    {
        var node = new Node();
        node.Value = 1;
        _last = node;
        return node.Value; // KS1001
    }

    static int InArray()
    {
        var node = new Node();
        All[0] = node;
        return node.Value; // KS1001
    }

    static int Passed()
    {
        var node = new Node();
        Use(node);
        return node.Value; // KS1001
    }

    static int Captured()
    {
        var node = new Node();
        Func<Node> f = () => node;
        Use(f);
        return node.Value; // KS1001
    }

    static int InList(List<Node> list)
    {
        var node = new Node();
        list.Add(node);
        return node.Value; // KS1001
    }
}
