// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] int _size;

    void Wrong()
    {
        _rw.EnterReadLock();
        try
        {
            _size++; // KS1002
        }
        finally
        {
            _rw.ExitReadLock();
        }
    }

    void Right()
    {
        _rw.EnterWriteLock();
        try
        {
            _size++;
        }
        finally
        {
            _rw.ExitWriteLock();
        }
    }
}
