// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [GuardedBy("_mu")]
    int _value;

    void Local(bool needed)
    {
        bool taken = false;
        if (needed)
        {
            _mu.Lock();
            taken = true;
        }

        if (taken)
            _mu.Unlock();
    }

    void Parameter(bool locked)
    {
        if (!locked)
            _mu.Lock();
        UseInt(1);
        if (!locked)
            _mu.Unlock();
    }

    void Reassigned(bool locked)
    {
        if (!locked)
            _mu.Lock();
        locked = Flag(); // KS1009
        if (!locked)
            _mu.Unlock();
    }

    void Contradicts(bool locked)
    {
        if (locked)
            _mu.Lock();
        else
            UseInt(0);
        if (Flag()) // KS1009
            _mu.Unlock(); // KS1006
    }

    void ByPattern(bool locked)
    {
        if (locked is true)
            _mu.Lock();
        if (locked is not false)
            _mu.Unlock();
    }

    void BySwitch(bool locked)
    {
        switch (locked)
        {
            case true:
                _mu.Lock();
                break;
            default:
                break;
        }

        if (locked)
        {
            _value = 1;
            _mu.Unlock();
        }
    }

    void ByConditional(bool a)
    {
        bool taken = a ? _mu.TryLock() : false;
        if (taken)
            _mu.Unlock();
    }

    void ByAnd(bool a)
    {
        if (a && _mu.TryLock())
        {
            _value = 1;
            _mu.Unlock();
        }
    }

    void ByOr(bool a)
    {
        if (a || !_mu.TryLock())
            return;
        _value = 1;
        _mu.Unlock();
    }

    void Negated()
    {
        bool failed = !_mu.TryLock();
        if (failed)
            return;
        _value = 1;
        _mu.Unlock();
    }

    void Compared()
    {
        int err = _mu.LockInterruptible();
        if (err != 0)
            return;
        _value = 1;
        _mu.Unlock();
    }

    void Less()
    {
        int err = _mu.LockInterruptible();
        if (err < 0)
            return;
        _value = 1;
        _mu.Unlock();
    }

    void Greater()
    {
        int err = _mu.LockInterruptible();
        if (err > 0)
            return; // KS1007
        _mu.Unlock(); // KS1006
    }

    int SwitchResult()
    {
        switch (_mu.LockInterruptible())
        {
            case 0:
                _value = 1;
                _mu.Unlock();
                return 1;
            default:
                return 0;
        }
    }

    int SwitchExpr()
    {
        bool ok = _mu.TryLock();
        int r = ok switch { true => _value, false => 0 };
        if (ok)
            _mu.Unlock();
        return r;
    }

    void Loop()
    {
        while (!_mu.TryLock())
            UseInt(0);
        _value = 1;
        _mu.Unlock();
    }

    void DoLoop()
    {
        bool ok;
        do
        {
            ok = _mu.TryLock();
        }
        while (!ok);
        _value = 1;
        _mu.Unlock();
    }

    void ForLoop()
    {
        for (; !_mu.TryLock();)
        {
        }

        _mu.Unlock();
    }

    void Joined()
    {
        bool ok = _mu.TryLock();
        if (ok)
            UseInt(1);
        else
            UseInt(2);
        if (ok)
            _mu.Unlock();
    }

    void Guarded(object o)
    {
        bool ok = _mu.TryLock();
        switch (o)
        {
            case string when ok:
                _value = 1;
                break;
            case string:
                _value = 2; // KS1002
                break;
        }

        if (ok)
            _mu.Unlock();
    }

    void TwoNeeded(bool a, bool b)
    {
        if (a)
        {
            _mu.Lock();
        }

        if (b)
            _mu.Unlock(); // KS1006
    } // KS1007
}
