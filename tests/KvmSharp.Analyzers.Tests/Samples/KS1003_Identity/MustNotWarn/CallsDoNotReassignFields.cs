// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Walk
{
    sealed class Node
    {
        public readonly KMutex Mu = new();

        [MustHold("Mu")]
        public void Visit()
        {
        }
    }

    Node _cur = new();

    void Move() => _cur = new Node();

    void M()
    {
        _cur.Mu.Lock();
        Move();
        _cur.Visit();
        _cur.Mu.Unlock();
    }
}
