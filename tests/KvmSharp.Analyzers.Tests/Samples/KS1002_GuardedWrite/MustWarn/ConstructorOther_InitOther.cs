// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;
    readonly Node? _peer;

    public Node(Node peer)
    {
        _x = 1;
        _peer = peer;
        peer._x = 2; // KS1002
    }
}
