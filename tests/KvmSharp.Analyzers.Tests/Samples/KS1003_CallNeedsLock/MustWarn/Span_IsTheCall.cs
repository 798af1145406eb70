// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    int PopLocked() => 1;

    int A(Queue q)
    {
        int x = 1
            + q.PopLocked(); // KS1003
        return x;
    }
}
