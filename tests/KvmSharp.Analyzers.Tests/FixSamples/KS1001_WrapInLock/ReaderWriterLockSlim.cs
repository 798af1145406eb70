// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    private readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] private int _count;

    public int Count()
    {
        return _count;
    }

    public int Short() => _count;
}
// ==== fixed
class Cache
{
    private readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] private int _count;

    public int Count()
    {
        _rw.EnterReadLock();
        try
        {
            return _count;
        }
        finally
        {
            _rw.ExitReadLock();
        }
    }

    public int Short()
    {
        _rw.EnterReadLock();
        try
        {
            return _count;
        }
        finally
        {
            _rw.ExitReadLock();
        }
    }
}
