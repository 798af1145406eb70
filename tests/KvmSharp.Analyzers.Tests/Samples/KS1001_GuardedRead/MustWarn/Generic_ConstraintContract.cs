// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface INode
{
    KMutex Mu { get; }

    [GuardedBy("Mu")]
    int Value { get; set; }
}

class User
{
    int A<T>(T node)
        where T : INode
        => node.Value; // KS1001

    int B<T>(T node)
        where T : INode
    {
        node.Mu.Lock();
        int value = node.Value;
        node.Mu.Unlock();
        return value;
    }
}
