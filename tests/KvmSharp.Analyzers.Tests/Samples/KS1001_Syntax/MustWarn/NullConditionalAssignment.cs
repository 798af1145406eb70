// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
}

class User
{
    void A(Node? node) => node?.Value = 3; // KS1002

    int B(Node? node) => node?.Value ?? 0; // KS1001

    void C(Node node)
    {
        node.Mu.Lock();
        node?.Value = 3;
        node!.Mu.Unlock();
    }
}
