// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly ReaderWriterLockSlim _rw = new();
    readonly object _gate = new();
    [GuardedBy("_mu")] int _x;

    int A(int x)
    {
        _mu.Lock();
        if (x == 0)
            return 0; // keep: zero
        if (x == 1)
        {
            return _x;
        }

        if (x == 2) return 2;
        _mu.Unlock();
        return 1;
    }

    void B()
    {
        _rw.EnterReadLock();
        UseInt(1);
    }

    void C() => Monitor.Enter(_gate);

    void D(int x)
    {
        _rw.EnterWriteLock();
        if (x < 0)
            throw new ArgumentException("x");
        _rw.ExitWriteLock();
    }
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();
    readonly ReaderWriterLockSlim _rw = new();
    readonly object _gate = new();
    [GuardedBy("_mu")] int _x;

    int A(int x)
    {
        _mu.Lock();
        if (x == 0)
        {
            _mu.Unlock();
            return 0; // keep: zero
        }
        if (x == 1)
        {
            int result = _x;
            _mu.Unlock();
            return result;
        }

        if (x == 2) { _mu.Unlock(); return 2; }
        _mu.Unlock();
        return 1;
    }

    void B()
    {
        _rw.EnterReadLock();
        UseInt(1);
        _rw.ExitReadLock();
    }

    void C()
    {
        Monitor.Enter(_gate);
        Monitor.Exit(_gate);
    }

    void D(int x)
    {
        _rw.EnterWriteLock();
        if (x < 0)
        {
            _rw.ExitWriteLock();
            throw new ArgumentException("x");
        }
        _rw.ExitWriteLock();
    }
}
