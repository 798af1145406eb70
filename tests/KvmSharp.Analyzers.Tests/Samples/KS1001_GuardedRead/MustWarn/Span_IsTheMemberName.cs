// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
}

class User
{
    int Read(Node n) => n.{|KS1001:Value|} + 1;

    int Sum(Node a, Node b)
    {
        a.Mu.Lock();
        int sum = a.Value + b.{|KS1001:Value|};
        a.Mu.Unlock();
        return sum;
    }
}
