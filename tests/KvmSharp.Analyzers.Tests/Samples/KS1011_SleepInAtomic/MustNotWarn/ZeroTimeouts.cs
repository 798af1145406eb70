// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();
    readonly object _gate = new();

    void A(Task task, SemaphoreSlim sem, ManualResetEventSlim mres)
    {
        _spin.Lock();
        Thread.Sleep(0);
        task.Wait(0);
        sem.Wait(0);
        mres.Wait(0);
        if (Monitor.TryEnter(_gate))
            Monitor.Exit(_gate);
        _spin.Unlock();
    }
}
