// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly RwSem _rw = new();

    [Acquires("_mu")]
    void A(bool b)
    {
        if (b)
            return; // KS1008
        _mu.Lock();
    }

    [MustHold("_mu")]
    void B()
    {
        _mu.Unlock();
    } // KS1008

    [MustHold("_mu")]
    void C()
    {
        _mu.Unlock();
        UseInt(1);
        _mu.Lock();
    }

    [Releases("_mu")]
    void D(bool b)
    {
        if (b)
            return; // KS1007
        _mu.Unlock();
    }

    [AcquiresShared("_rw")]
    void E() => _rw.DownRead();

    [Acquires("_rw")]
    void F() => _rw.DownRead(); // KS1008

    [CondAcquires(true, "_mu")]
    bool G()
    {
        if (!_mu.TryLock())
            return false;
        if (Flag())
            return false; // KS1007
        return true;
    }

    [CondAcquires(true, "_mu")]
    bool H() => _mu.TryLock();

    [CondAcquires(true, "_mu")]
    int I()
    {
        int err = _mu.LockInterruptible();
        if (err != 0)
            return -4;
        return 0;
    }

    [CondAcquires(true, "_mu")]
    bool J()
    {
        if (Flag())
            return true; // KS1008
        _mu.Lock();
        return true;
    }

    [Releases("_mu")]
    [CondAcquires(false, "_mu")]
    bool K()
    {
        if (Flag())
            return false;
        _mu.Unlock();
        return true;
    }

    void L()
    {
        _mu.Lock();
        if (K())
            return;
        _mu.Unlock();
    }

    [AssertsHeld("_mu")]
    void M()
    {
        _mu.AssertHeld();
    }

    void N()
    {
        M();
        _mu.Unlock();
    }
}
