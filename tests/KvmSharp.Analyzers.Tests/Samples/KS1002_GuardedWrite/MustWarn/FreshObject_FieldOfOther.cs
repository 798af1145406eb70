// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
    public Node? Peer;

    static Node Make(Node peer)
    {
        var node = new Node();
        node.Value = 1;
        node.Peer = peer;
        peer.Value = 2; // KS1002
        return node;
    }
}
