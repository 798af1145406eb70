// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    void PushLocked(int x)
    {
    }

    [MustHold("_mu")]
    int PopLocked() => 1;

    void A() => PushLocked(1); // KS1003

    void B()
    {
        _mu.Lock();
        PushLocked(1);
        _mu.Unlock();
        PushLocked(2); // KS1003
        UseInt(PopLocked()); // KS1003
    }
}
