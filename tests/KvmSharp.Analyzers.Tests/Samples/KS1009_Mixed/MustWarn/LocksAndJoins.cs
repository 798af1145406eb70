// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class W
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;
    W? _next;
    W _cur = null!;

    void A(bool b) { if (b) _mu.Lock(); if (b) _mu.Unlock(); }
    void B(bool b)
    {
        bool t = false;
        if (Flag()) { _mu.Lock(); t = true; }
        if (t) { _x = 1; _mu.Unlock(); }
    }
    void C()
    {
        bool ok = _mu.TryLock();
        if (!ok) return;
        _x = 1;
        _mu.Unlock();
    }
    void D()
    {
        bool ok = _mu.TryLock();
        ok = false; // KS1009
    }
    void E()
    {
        _mu.TryLock();
    } // KS1007
    void F()
    {
        _mu.TryLock();
        _mu.Unlock(); // KS1006
    }
    void G()
    {
        int e = _mu.LockInterruptible();
        if (e != 0) return;
        _x++;
        _mu.Unlock();
    }
    void H()
    {
        if (_mu.LockInterruptible() < 0) return;
        _x++;
        _mu.Unlock();
    }
    void I()
    {
        while (!_mu.TryLock()) { }
        _x = 3;
        _mu.Unlock();
    }
    void J(int n)
    {
        for (int i = 0; i < n; i++) // KS1009
            _mu.Lock();
    }
    void K(int n)
    {
        for (int i = 0; i < n; i++) // KS1009
        {
            _mu.Lock();
            if (i == 3) break;
            _mu.Unlock();
        } 
    }
    void L(int c)
    {
        switch (c) // KS1009
        {
            case 1: _mu.Lock(); break;
            default: break;
        }
        _x = 1;
    }
    void M()
    {
        var c = _cur;
        c._mu.Lock();
        _cur = new W();
        _cur._x = 1; // KS1002
        c._x = 2;
        c._mu.Unlock();
    }
    void N(W a, W b)
    {
        a._mu.Lock();
        b._x = 1; // KS1002
        a._x = 1;
        a._mu.Unlock();
    }
    void O(W a)
    {
        a._mu.Lock();
        a = new W();
        a._x = 1;
    } // KS1007
    int P()
    {
        _mu.Lock();
        try { return _x; }
        finally { _mu.Unlock(); }
    }
    void Q()
    {
        try // KS1009
        {
            _mu.Lock();
            Use(null);
            _mu.Unlock();
        }
        catch
        {
            _x = 1;
        }
    }
    void R()
    {
        _mu.Lock();
        throw new Exception(); // KS1007
    }
    void S2()
    {
        using var g = new MutexGuard(_mu);
        _x = 1;
        if (Flag()) return;
        _x = 2;
    }
    [Acquires("_mu")] void T() { } // KS1008
    [MustHold("_mu")] void U() { _x = 1; _mu.Unlock(); } // KS1008
    void V() { U2(); } // KS1003
    [MustHold("_mu")] void U2() { }
    [CondAcquires(true, "_mu")] bool X() { if (_mu.TryLock()) return true; return false; }
    [CondAcquires(true, "_mu")] bool Y() { _mu.Lock(); return false; } // KS1007
    [CondAcquires(true, "_mu")] bool Z() { return true; } // KS1008
    [CondAcquires(true, "_mu")] bool Z2() { return _mu.TryLock(); }
    [CondAcquires(true, "_mu")] bool Z3() => _mu.TryLock();
    [MustNotHold("_mu")] void NN() { }
    void AA() { _mu.Lock(); NN(); _mu.Unlock(); } // KS1004
    void BB() { _mu.Lock(); _mu.Lock(); _mu.Unlock(); } // KS1005
}
