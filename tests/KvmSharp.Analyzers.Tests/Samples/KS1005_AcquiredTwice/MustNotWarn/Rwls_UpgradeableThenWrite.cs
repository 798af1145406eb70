// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] int _x;

    int A()
    {
        _rw.EnterUpgradeableReadLock();
        try
        {
            if (_x == 0)
            {
                _rw.EnterWriteLock();
                try
                {
                    _x = 1;
                }
                finally
                {
                    _rw.ExitWriteLock();
                }
            }

            return _x;
        }
        finally
        {
            _rw.ExitUpgradeableReadLock();
        }
    }
}
