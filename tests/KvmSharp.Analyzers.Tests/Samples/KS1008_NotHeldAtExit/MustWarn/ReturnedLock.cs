// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Node
{
    public readonly KMutex Mu = new();
    Node? _next;

    [Acquires("return.Mu")]
    Node LockNext()
    {
        Node next = _next!;
        return next; // KS1008
    }

    void Use1()
    {
        Node next = LockNext();
        UseInt(1);
    } // KS1007
}
