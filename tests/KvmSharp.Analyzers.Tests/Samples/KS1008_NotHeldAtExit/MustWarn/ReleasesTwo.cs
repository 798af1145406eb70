// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();

    [Releases("a.Mu")]
    [MustHold("b.Mu")]
    static void Drop(Node a, Node b)
    {
        a.Mu.Unlock();
        b.Mu.Unlock();
    } // KS1008

    [Releases("a.Mu")]
    [MustHold("b.Mu")]
    static void Right(Node a, Node b)
    {
        a.Mu.Unlock();
    }
}
