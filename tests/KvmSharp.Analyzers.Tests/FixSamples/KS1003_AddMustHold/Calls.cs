// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Push()
    {
    }

    void A()
    {
        Push();
        Push();
    }

    static void B(Queue queue) => queue.Push();

    [MustHold("Mu")]
    void C(Queue other) => other.Push();
}
// ==== fixed
class Queue
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Push()
    {
    }

    [MustHold("Mu")]
    void A()
    {
        Push();
        Push();
    }

    [MustHold("queue.Mu")]
    static void B(Queue queue) => queue.Push();

    [MustHold("other.Mu")]
    [MustHold("Mu")]
    void C(Queue other) => other.Push();
}
