// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Walk
{
    sealed class Node
    {
        public readonly KMutex Mu = new();
        public Node? Next;

        [MustHold("Mu")]
        public void Visit()
        {
        }
    }

    Node _cur = new();

    void M(Node next)
    {
        Node old = _cur;
        _cur.Mu.Lock();
        _cur.Visit();
        _cur = next;
        _cur.Visit(); // KS1003
        old.Mu.Unlock();
    }
}
