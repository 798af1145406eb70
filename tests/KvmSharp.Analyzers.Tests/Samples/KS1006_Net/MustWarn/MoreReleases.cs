// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    readonly ReaderWriterLockSlim _rw = new();
    readonly Lock _lock = new();
    readonly Mutex _mutex = new();

    void A()
    {
        if (Monitor.TryEnter(_gate, TimeSpan.FromSeconds(1)))
            Monitor.Exit(_gate);
        Monitor.Exit(_gate); // KS1006
    }

    void B()
    {
        _rw.EnterUpgradeableReadLock();
        _rw.EnterWriteLock();
        _rw.ExitWriteLock();
        _rw.ExitUpgradeableReadLock();
        _rw.ExitUpgradeableReadLock(); // KS1006
    }

    void C()
    {
        if (_lock.TryEnter(TimeSpan.FromSeconds(1)))
        {
            _lock.Exit();
        }

        if (_lock.TryEnter(10))
            _lock.Exit();
        _lock.Exit(); // KS1006
    }

    void D()
    {
        if (_mutex.WaitOne(TimeSpan.FromSeconds(1)))
            _mutex.ReleaseMutex();
        if (_mutex.WaitOne(10, false))
            _mutex.ReleaseMutex();
    }
}
