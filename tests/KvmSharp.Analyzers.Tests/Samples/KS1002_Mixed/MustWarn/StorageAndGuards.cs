// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

struct Pt { public int X; public int Y; public readonly int Sum() => X + Y; public void Move() { X++; } public int Auto { get; set; } }
[ScopedLock]
sealed class CondGuard : IDisposable
{
    [ContextUnsafe("x")] public void Dispose() { }
    [CondAcquires(true, "m")] [ContextUnsafe("x")] public static CondGuard? Try(KMutex m) => null;
    [Releases("this")] [ContextUnsafe("x")] public void Unlock() { }
    [Acquires("this")] [ContextUnsafe("x")] public void Relock() { }
}
class W3
{
    readonly KMutex _mu = new();
    readonly RwSem _rw = new();
    readonly Rec _rec = new();
    [GuardedBy("_mu")] int _x;
    [GuardedBy("_mu")] Pt _p;
    [GuardedBy("_mu")] int[] _a = new int[3];
    [GuardedBy("_rw")] Pt _q;
    KMutex[] _locks = new KMutex[4];
    [GuardedBy("*")] int _any;

    void A()
    {
        _rw.DownRead();
        int s = _q.Sum() + _q.X + _q.Auto;
        _q.Move(); // KS1002
        _q.X = 1; // KS1002
        _rw.UpRead();
        UseInt(s);
    }
    void B()
    {
        ref int r = ref _x;
        r = 1; // KS1002
        _mu.Lock();
        r = 2;
        _mu.Unlock();
        UseInt(r); // KS1001
    }
    ref int C() => ref _x; // KS1012
    [MustHold("_mu")] ref int C2() => ref _x;
    void D()
    {
        using (var g = CondGuard.Try(_mu))
        {
            if (g == null) return;
            _x = 1;
        }
        using var h = CondGuard.Try(_mu);
        if (h is null) _x = 1; // KS1002
        if (h != null) _x = 1;
    }
    void E()
    {
        using var g = CondGuard.Try(_mu);
        if (g is not { } gg) return;
        gg.Unlock();
        _x = 1; // KS1002
        gg.Relock();
        _x = 1;
    }
    void F(int i, int j)
    {
        _locks[i].Lock();
        _locks[i].Unlock();
        _locks[j].Lock();
        i++;
        _locks[j].Unlock();
        _locks[0].Lock();
        _any = 1;
        _locks[0].Unlock();
        _any = 1; // KS1002
    }
    void G()
    {
        int n = 0;
    again:
        _mu.Lock();
        if (n++ < 3) { _mu.Unlock(); goto again; }
        _x = 1;
        _mu.Unlock();
    }
    int H(int n)
    {
        int err = -1;
        _mu.Lock();
        if (n == 1) goto outl;
        if (n == 2) { err = 0; goto outl; }
        _x = 1;
    outl:
        _mu.Unlock();
        return err;
    }
    void I(int n)
    {
        if (n == 1) // KS1009
            goto outl;
        _mu.Lock();
    outl:
        _mu.Unlock();
    }
    void J()
    {
        _rec.Lock();
        _rec.Lock();
        _rec.Unlock();
        _rec.Unlock();
        _rec.Lock();
        _rec.LockShared(); // KS1005
        _rec.Unlock();
    }
    void K()
    {
        _rw.DownWrite();
        _rw.DowngradeWrite();
        _ = _q.X;
        _rw.UpRead();
        _rw.DownRead();
        _rw.UpWrite(); // KS1006
    }
    void L(bool b)
    {
        try { _mu.Lock(); if (b) throw new Exception(); } // KS1007
        finally { }
        _mu.Unlock();
    }
    void M(W3 o)
    {
        (_x, o._x) = (1, 2); // KS1002
        _a[0] = 1; // KS1002
        UseInt(_a[0]); // KS1001
        UseInt(_a.Length); // KS1001
        var t = nameof(_x);
        Use(t);
    }
    int N(object k) => k switch { int when _mu.TryLock() => Un(), _ => 0 };
    [Releases("_mu")] int Un() { _mu.Unlock(); return 1; }
    async Task<int> O()
    {
        await Task.Yield();
        lock (this)
        {
            return 1;
        }
    }
    W3() { _x = 1; Action a = () => _x = 2; a(); Task.Run(() => _x = 3); } // KS1002
    static W3 P() { var w = new W3(); w._x = 1; Use(w); w._x = 2; return w; } // KS1002
    W3 Q() => new W3 { _x = 3, _p = { X = 1 } };
    int R { get { return _x; } set { _x = value; } } // KS1001 KS1002
    [GuardedBy("_mu")] int S { get => _x; set => _x = value; }
    void T() { S++; } // KS1002
    event Action Ev { [MustHold("_mu")] add { } remove { } }
    void U() { Ev += () => { }; } // KS1003
    void V()
    {
        int x = _mu.LockInterruptible();
        switch (x) { case 0: _x = 1; _mu.Unlock(); break; default: break; }
    }
    void X1()
    {
        if (!_mu.TryLock() || Flag()) return; // KS1007
        _mu.Unlock();
    }
    void Y1()
    {
        for (;;) { _mu.Lock(); if (Flag()) break; _mu.Unlock(); }
        _mu.Unlock();
    }
    void Z1()
    {
        do { _mu.Lock(); _x++; _mu.Unlock(); } while (Flag());
        try { _mu.Lock(); Use(null); } catch (Exception) when (_x > 0) { } finally { _mu.Unlock(); }
    }
}
