// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    readonly SemaphoreSlim _one = new(1);
    readonly ReaderWriterLockSlim _rw = new();
    readonly Lock _lock = new();
    readonly Mutex _mutex = new();

    void A() => Monitor.Exit(_gate); // KS1006

    void B() => _one.Release(); // KS1006

    void C() => _rw.ExitReadLock(); // KS1006

    void D() => _lock.Exit(); // KS1006

    void E() => _mutex.ReleaseMutex(); // KS1006

    void F()
    {
        _rw.EnterReadLock();
        _rw.ExitWriteLock(); // KS1006
    }
}
