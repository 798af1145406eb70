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
        next.Mu.Lock();
        return next;
    }

    void Use1()
    {
        Node next = LockNext();
        next.Mu.Unlock();
    }
}
