// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] int _x;

    int A()
    {
        if (_rw.TryEnterReadLock(10))
        {
            int x = _x;
            _x = 2; // KS1002
            _rw.ExitReadLock();
            return x;
        }

        return _x; // KS1001
    }

    void B()
    {
        _rw.EnterUpgradeableReadLock();
        UseInt(_x);
        _x = 1; // KS1002
        _rw.EnterWriteLock();
        _x = 2;
        _rw.ExitWriteLock();
        UseInt(_x);
        _x = 3; // KS1002
        _rw.ExitUpgradeableReadLock();
        UseInt(_x); // KS1001
    }

    void C()
    {
        if (!_rw.TryEnterWriteLock(10))
            return;
        _x = 1;
        _rw.ExitWriteLock();
    }
}
