// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();
    readonly ReaderWriterLockSlim _rw = new();
    readonly Lock _lock = new();

    void A()
    {
        _spin.Lock();
        _rw.EnterReadLock(); // KS1011
        _rw.ExitReadLock();
        _rw.EnterWriteLock(); // KS1011
        _rw.ExitWriteLock();
        lock (_lock) // KS1011
        {
        }

        _spin.Unlock();
    }
}
