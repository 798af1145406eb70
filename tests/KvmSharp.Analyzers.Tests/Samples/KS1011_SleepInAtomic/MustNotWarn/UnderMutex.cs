// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly Spin _spin = new();

    void A()
    {
        _mu.Lock();
        Schedule();
        Thread.Sleep(1);
        _mu.Unlock();
    }

    void B()
    {
        _spin.Lock();
        Thread.SpinWait(10);
        Thread.Yield();
        UseInt(1);
        _spin.Unlock();
        Schedule();
    }
}
