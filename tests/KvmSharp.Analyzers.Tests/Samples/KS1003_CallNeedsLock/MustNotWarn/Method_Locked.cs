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
    void PushTwo()
    {
        PushLocked(1);
        PushLocked(2);
    }

    void B()
    {
        _mu.Lock();
        PushTwo();
        _mu.Unlock();
    }

    void C()
    {
        using var guard = new MutexGuard(_mu);
        PushTwo();
    }
}
