// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Walk
{
    sealed class Node
    {
        public readonly KMutex Mu = new();
    }

    Node _cur = new();

    void A(Node next)
    {
        Node old = _cur;
        _cur.Mu.Lock();
        _cur = next;
        _cur.Mu.Unlock(); // KS1006
        old.Mu.Unlock();
    }
}
