// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
    [GuardedBy("Mu")] public Node? Next;

    [MustHold("Mu")]
    public void Init()
    {
    }

    public static Node Make()
    {
        var node = new Node { Value = 1 };
        node.Value = 2;
        node.Init();
        UseInt(node.Value);
        Node same = node;
        same.Value++;
        return node;
    }
}
