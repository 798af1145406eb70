// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Big
{
    public static readonly KMutex Lock = new();
}

class Node
{
    [GuardedBy("Big.Lock")] public int Value;
    [GuardedBy("*")] public int Any;
}

class Finder
{
    readonly List<Node> _nodes = new();

    Node Find() => _nodes[0];

    int A()
    {
        Big.Lock.Lock();
        int value = Find().Value + _nodes[Number()].Value + Find().Any;
        Big.Lock.Unlock();
        return value;
    }
}
