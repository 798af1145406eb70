// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class X
{
    extension(W2 w)
    {
        [MustHold("w.Mu")]
        public void Touch() { w.X = 1; }
        [Acquires("w.Mu")]
        public void Take() => w.Mu.Lock();
        [MustHold("w.Mu")]
        public int Prop => w.X;
    }
}
class W2
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int X;
    [PtGuardedBy("Mu")] public List<int> L = new();
    [PtGuardedBy("Mu")] public int[] Arr = new int[3];
    void A(W2 w)
    {
        w.Touch(); // KS1003
        w.Take();
        w.Touch();
        var p = w.Prop;
        w.Mu.Unlock();
        p = w.Prop; // KS1003
    }
    void B(W2 w)
    {
        global::X.Touch(w); // KS1003
        global::X.Take(w);
        global::X.Touch(w);
        w.Mu.Unlock();
    }
    int C()
    {
        int s = 0;
        foreach (var x in L) // KS1001
            s += x;
        foreach (var x in Arr) // KS1001
            s += x;
        return s;
    }
    async Task D()
    {
        Mu.Lock();
        await Task.Yield(); // KS1011
        X = 1;
        Mu.Unlock();
    }
    [MustHold("Mu")]
    async Task E()
    {
        X = 1;
        await Task.Yield(); // KS1011
        X = 1; // KS1002
    }
    IEnumerable<int> F()
    {
        Mu.Lock();
        yield return 1; // KS1007
        Mu.Unlock();
    }
    void G()
    {
        Action a = () => { Mu.Lock(); };
        a();
        X = 1;
        Mu.Unlock();
    }
    void H()
    {
        void L1() { if (Flag()) { Mu.Lock(); return; } Mu.Lock(); }
        L1();
        X = 1;
        Mu.Unlock();
    }
    bool I()
    {
        bool Try() { if (!Mu.TryLock()) return false; return true; }
        if (!Try()) return false;
        X = 1;
        Mu.Unlock();
        return true;
    }
    void J(List<int> l)
    {
        Mu.Lock();
        l.ForEach(i => X += i);
        Mu.Unlock();
        l.ForEach(i => X += i); // KS1002
    }
    readonly SemaphoreSlim _sem = new(1, 1);
    [GuardedBy("_sem")] int _y;
    async Task K()
    {
        await _sem.WaitAsync();
        try { _y = 1; await Task.Yield(); }
        finally { _sem.Release(); }
        if (await _sem.WaitAsync(100)) { _y = 2; _sem.Release(); }
        _y = 3; // KS1002
    }
    SpinLock _spin;
    [GuardedBy("_spin")] int _z;
    void M()
    {
        bool taken = false;
        try { _spin.Enter(ref taken); _z = 1; }
        finally { if (taken) _spin.Exit(); }
        _z = 1; // KS1002
    }
    readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] int _r;
    int N()
    {
        _rw.EnterReadLock();
        try { _r = 1; /* */ return _r; } // KS1002
        finally { _rw.ExitReadLock(); }
    }
    void O()
    {
        _rw.EnterUpgradeableReadLock();
        _rw.EnterWriteLock();
        _r = 1;
        _rw.ExitWriteLock();
        _r = 2; // KS1002
        _rw.ExitUpgradeableReadLock();
    }
    void P()
    {
        object o = new();
        lock (o) { lock (o) { } }
        Monitor.Exit(o); // KS1006
    }
    void Q()
    {
        bool t = false;
        Monitor.TryEnter(Mu, ref t);
        if (t) Monitor.Exit(Mu);
    }
}
