// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Threading;

class Net
{
    readonly Lock _lock = new();
    readonly object _gate = new();
    readonly ReaderWriterLockSlim _rw = new();
    readonly Mutex _mutex = new();
    SpinLock _spin;

    [GuardedBy("_lock")]
    int _a;

    [GuardedBy("_rw")]
    int _b;

    [GuardedBy("_gate")]
    int _c;

    [GuardedBy("_spin")]
    int _d;

    [GuardedBy("_mutex")]
    int _e;

    void LockStatement()
    {
        lock (_lock)
        {
            _a = 1;
            lock (_lock)
                _a = 2;
            _a = 3;
        }

        _a = 4; // KS1002
    }

    void LockMembers()
    {
        _lock.Enter();
        _a = 1;
        _lock.Exit();
        _lock.Exit(); // KS1006
        if (_lock.TryEnter())
        {
            _a = 2;
            _lock.Exit();
        }

        using (_lock.EnterScope())
            _a = 3;
        _a = 4; // KS1002
    }

    void Upgradeable(bool write)
    {
        _rw.EnterUpgradeableReadLock();
        UseInt(_b);
        _b = 1; // KS1002
        if (write)
        {
            _rw.EnterWriteLock();
            _b = 2;
            _rw.ExitWriteLock();
        }

        UseInt(_b);
        _rw.ExitUpgradeableReadLock();
        UseInt(_b); // KS1001
    }

    void WriteInRead()
    {
        _rw.EnterReadLock();
        _rw.EnterWriteLock(); // KS1005
        _rw.ExitReadLock();
    }

    void WrongExit()
    {
        _rw.EnterReadLock();
        _rw.ExitWriteLock(); // KS1006
    }

    void TryRead()
    {
        if (_rw.TryEnterReadLock(10))
        {
            UseInt(_b);
            _b = 1; // KS1002
            _rw.ExitReadLock();
        }
    }

    void MonitorForms(int timeout)
    {
        bool taken = false;
        try
        {
            Monitor.Enter(_gate, ref taken);
            _c = 1;
        }
        finally
        {
            if (taken)
                Monitor.Exit(_gate);
        }

        bool got = false;
        Monitor.TryEnter(_gate, timeout, ref got);
        if (got)
        {
            _c = 2;
            Monitor.Exit(_gate);
        }

        if (Monitor.TryEnter(_gate))
        {
            _c = 3;
            Monitor.Exit(_gate);
        }

        _c = 4; // KS1002
        Monitor.Exit(_gate); // KS1006
    }

    void Waits()
    {
        Monitor.Pulse(_gate); // KS1003
        Monitor.Wait(_gate); // KS1003
        lock (_gate)
        {
            while (_c == 0)
                Monitor.Wait(_gate);
            Monitor.PulseAll(_gate);
        }
    }

    void Spins()
    {
        bool taken = false;
        try
        {
            _spin.Enter(ref taken);
            _d = 1;
        }
        finally
        {
            if (taken)
                _spin.Exit();
        }

        _d = 2; // KS1002
        bool t = false;
        _spin.TryEnter(ref t);
        if (t)
        {
            _d = 3;
            _spin.Exit();
        }
    }

    void SpinTwice()
    {
        bool a = false, b = false;
        _spin.Enter(ref a);
        _spin.Enter(ref b); // KS1005
        _spin.Exit();
    }

    void Mutexes()
    {
        _mutex.WaitOne();
        _e = 1;
        _mutex.WaitOne();
        _mutex.ReleaseMutex();
        _e = 2;
        _mutex.ReleaseMutex();
        if (_mutex.WaitOne(10))
        {
            _e = 3;
            _mutex.ReleaseMutex();
        }

        _e = 4; // KS1002
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.Synchronized)]
    [MustHold("_gate")]
    void Sync()
    {
        _c = 1;
        Monitor.PulseAll(this);
    }

    void Asserts()
    {
        System.Diagnostics.Debug.Assert(Monitor.IsEntered(_gate));
        _c = 1;
        System.Diagnostics.Trace.Assert(_lock.IsHeldByCurrentThread);
        _a = 1;
    }
}
