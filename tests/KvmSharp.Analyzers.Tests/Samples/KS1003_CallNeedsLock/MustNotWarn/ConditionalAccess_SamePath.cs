// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    public Node? Next;

    [MustHold("Mu")]
    public void Visit()
    {
    }

    [MustHold("Next.Mu")]
    void M()
    {
        Next?.Visit();
        Next!.Visit();
    }
}
