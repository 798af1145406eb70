// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    readonly KMutex _mu = new();
    readonly RwSem _sem = new();

    async Task A()
    {
        _mu.Lock();
        await Task.Delay(1); // KS1011
        _mu.Unlock();
        await Task.Delay(1);
    }

    async Task B()
    {
        _sem.DownRead();
        await Task.Delay(1); // KS1011
        _sem.UpRead();
    }

    async Task C()
    {
        Monitor.Enter(_gate);
        await Task.Delay(1); // KS1011
        Monitor.Exit(_gate);
    }
}
