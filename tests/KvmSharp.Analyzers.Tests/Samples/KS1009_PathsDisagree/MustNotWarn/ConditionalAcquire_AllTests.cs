// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void Eq()
    {
        if (_mu.TryLock() == true)
            _mu.Unlock();
        if (_mu.TryLock() != false)
            _mu.Unlock();
        if (_mu.TryLock() is true)
            _mu.Unlock();
        if (_mu.TryLock() is not false)
            _mu.Unlock();
    }

    void Int()
    {
        if (_mu.LockInterruptible() == 0)
            _mu.Unlock();
        int err = _mu.LockInterruptible();
        if (err != 0)
            return;
        _mu.Unlock();
        int again = _mu.LockInterruptible();
        if (again < 0)
            return;
        _mu.Unlock();
    }

    void And(int x)
    {
        if (x > 3 && _mu.TryLock())
            _mu.Unlock();
        if (x > 3 || !_mu.TryLock())
            return;
        _mu.Unlock();
    }

    void Loop()
    {
        while (!_mu.TryLock())
            UseInt(1);
        _mu.Unlock();
        for (; !_mu.TryLock();)
            UseInt(1);
        _mu.Unlock();
        do
            UseInt(1);
        while (!_mu.TryLock());
        _mu.Unlock();
    }

    void NegatedLocal()
    {
        bool failed = !_mu.TryLock();
        if (failed)
            return;
        _mu.Unlock();
    }

    void Arms()
    {
        bool ok = _mu.TryLock() ? true : false;
        if (ok)
            _mu.Unlock();
    }

    void Sw()
    {
        switch (_mu.TryLock())
        {
            case true:
                _mu.Unlock();
                break;
            case false:
                break;
        }
    }
}
