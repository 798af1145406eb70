// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
    [GuardedBy("Mu")] public Node? Next;
    [GuardedBy("Mu")] public readonly List<int> Items = new();

    [MustHold("Mu")]
    void Reset() => Value = 0;

    static Node Chain(int n)
    {
        var head = new Node();
        head.Value = n;
        head.Items.Add(n);
        head.Reset();
        if (n > 3)
            head.Value = 3;
        for (int i = 0; i < n; i++)
            head.Value += i;
        return head;
    }

    static Node Copy(Node from)
    {
        var copy = new Node();
        from.Mu.Lock();
        copy.Value = from.Value;
        from.Mu.Unlock();
        return copy;
    }
}
