// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
    static readonly List<Node> All = new();

    static Node Make(bool share)
    {
        var node = new Node();
        node.Value = 1;
        if (share)
            All.Add(node);
        node.Value = 2; // KS1002
        return node;
    }

    static void Loop(int n)
    {
        var node = new Node();
        for (int i = 0; i < n; i++)
        {
            All.Add(node);
        }

        node.Value = 3; // KS1002
    }
}
