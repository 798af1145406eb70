// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    [AcquiredBefore("Inner")]
    public readonly KMutex Outer = new();
    public readonly KMutex Inner = new();

    static void M(Node a, Node b)
    {
        a.Inner.Lock();
        b.Outer.Lock(); // KS1010
        b.Outer.Unlock();
        a.Inner.Unlock();
    }
}
