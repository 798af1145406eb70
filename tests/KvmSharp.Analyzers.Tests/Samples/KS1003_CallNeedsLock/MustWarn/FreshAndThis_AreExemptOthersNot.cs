// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Init()
    {
    }

    public Node()
    {
        Init();
    }

    public Node(Node other)
    {
        Init();
        other.Init(); // KS1003
    }

    static void Make(Node other)
    {
        var node = new Node();
        node.Init();
        other.Init(); // KS1003
    }
}
