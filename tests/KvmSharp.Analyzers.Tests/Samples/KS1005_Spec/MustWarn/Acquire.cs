// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly RwSem _rw = new();
    readonly Rec _rec = new();

    void A()
    {
        _mu.Lock();
        _mu.Lock(); // KS1005
        _mu.Unlock();
    }

    void B()
    {
        _mu.Lock();
        if (_mu.TryLock()) // KS1005
        {
        }

        _mu.Unlock();
    }

    void C()
    {
        _rec.Lock();
        _rec.Lock();
        _rec.Unlock();
        _rec.Unlock();
        _rec.Unlock(); // KS1006
    }

    void D()
    {
        _rec.Lock();
        _rec.LockShared(); // KS1005
        _rec.Unlock();
    }

    void E()
    {
        _rec.Lock();
        if (_rec.TryLock())
            _rec.Unlock();
        _rec.Unlock();
    }

    void F()
    {
        _rw.DownRead();
        _rw.DownRead(); // KS1005
        _rw.UpRead();
    }

    void G()
    {
        _rw.DownWrite();
        _rw.DowngradeWrite();
        _rw.UpRead();
        _rw.DownWrite();
        _rw.UpRead(); // KS1006
        _rw.DownRead();
        _rw.DowngradeWrite(); // KS1006
        _rw.UpRead();
    }

    [MustHold("_mu")]
    void H()
    {
        _mu.Lock(); // KS1005
    }

    void I()
    {
        using (new MutexGuard(_mu))
        {
            using (new MutexGuard(_mu)) // KS1005
            {
            }
        }
    }

    [MustNotHold("_mu")]
    void J() => _mu.Lock(); // KS1007

    void K()
    {
        for (int i = 0; i < 3; i++) // KS1009
            _mu.Lock();
    }

    void L()
    {
        _rec.Lock();
        if (Flag()) // KS1009
            _rec.Lock();
        _rec.Unlock();
    }

    void M()
    {
        _mu.AssertHeld();
        _mu.Unlock();
        _mu.AssertHeld();
        _mu.Lock(); // KS1005
        _mu.Unlock();
    }

    void N()
    {
        lock (this)
        {
            lock (this)
            {
            }
        }
    }
}
