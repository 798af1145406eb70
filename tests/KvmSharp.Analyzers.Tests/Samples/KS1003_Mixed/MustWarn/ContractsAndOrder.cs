// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class G<T> where T : class { readonly object _l = new(); [GuardedBy("_l")] T? _v; T? A() { lock (_l) return _v; } T? B() => _v; } // KS1001
interface IWork { [MustHold("Mu")] void Do(); KMutex Mu { get; } }
class Impl : IWork { public KMutex Mu { get; } = new(); public void Do() { } }
class Impl2 : IWork { public KMutex Mu { get; } = new(); KMutex _z = new(); [MustHold("_z")] public void Do() { } } // KS9003
class User6
{
    void A(IWork w) { w.Do(); } // KS1003
    void B(IWork w) { w.Mu.Lock(); w.Do(); w.Mu.Unlock(); }
    void C(Impl w) { w.Mu.Lock(); w.Do(); w.Mu.Unlock(); w.Do(); } // KS1003
    void D<T>(T w) where T : IWork { w.Do(); } // KS1003
    void E(IWork? w) { w?.Do(); } // KS1003
    void F(Impl w) { var m = w.Mu; m.Lock(); w.Do(); m.Unlock(); }
}
class Rw6
{
    readonly KMutex _mu = new();
    [ReturnsLock("_mu")] KMutex Get() => _mu;
    [ReturnsLock("_mu")] KMutex Prop => _mu;
    [GuardedBy("_mu")] int _x;
    void A() { Get().Lock(); _x = 1; Prop.Unlock(); }
    void B() { lock (Get()) _x = 1; }
    delegate void Cb();
    [MustHold("_mu")] void Locked() { }
    void C() { Action a = Locked; a(); } // KS1003
    void D() { new List<int>().ForEach(Locked2); } // KS1003
    [MustHold("_mu")] void Locked2(int x) { }
    void E() { _mu.Lock(); new List<int>().ForEach(Locked2); _mu.Unlock(); }
    void F() { try { _mu.Lock(); _x = 1; } finally { _mu.Unlock(); } }
    void H() { bool t = false; try { Monitor.Enter(_mu, ref t); _x = 1; } finally { if (t) Monitor.Exit(_mu); } }
    async Task I() { using (await TakeAsync()) { _x = 1; await Task.Yield(); } }
    [Acquires("_mu")] [ContextUnsafe("x")] Task<MutexGuard> TakeAsync() => null!;
    void J() { System.Diagnostics.Debug.Assert(Monitor.IsEntered(_mu)); _x = 1; }
    void K() { _mu.AssertHeld(); _x = 1; if (Flag()) _mu.AssertHeld(); }
    void L() { if (Flag()) _mu.AssertHeld(); _x = 1; } // KS1002
    [MethodImpl2] void M() { }
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.Synchronized)] void N() { Monitor.Pulse(this); }
    void O() { Monitor.Pulse(this); } // KS1003
    [Acquires("*")] [ContextUnsafe("x")] static void Begin() { }
    [Releases("*")] [ContextUnsafe("x")] static void End() { }
    void P() { Begin(); _x = 1; Locked(); End(); _x = 2; } // KS1002
    [MustNotHold("*")] void Q() { }
    void R(KMutex k) { k.Lock(); Q(); k.Unlock(); Q(); } // KS1004
}
class MethodImpl2Attribute : Attribute { }
class Order6
{
    [AcquiredBefore("_b")] readonly KMutex _a = new();
    readonly KMutex _b = new();
    [AcquiredAfter("_b")] readonly KMutex _c = new();
    [AcquiredBefore("_d")] readonly KMutex _d = new(); // KS9002
    void A() { _a.Lock(); _b.Lock(); _c.Lock(); _c.Unlock(); _b.Unlock(); _a.Unlock(); }
    void B() { _b.Lock(); _a.Lock(); _a.Unlock(); _b.Unlock(); } // KS1010
    void C() { _c.Lock(); if (_a.TryLock()) _a.Unlock(); _c.Unlock(); } // KS1010
    [MustHold("_c")] void D() { using var g = new MutexGuard(_a); } // KS1010
}
class Pc6([GuardedBy("_m")] int count, KMutex m)
{
    readonly KMutex _m = m;
    int Start = count;
    int A() => count; // KS1001
    void B() { _m.Lock(); count++; _m.Unlock(); }
    void C([GuardedBy("_m")] int z) { } // KS9002
}
class Pt6
{
    readonly KMutex _mu = new();
    [PtGuardedBy("_mu")] Obj? _o;
    [PtGuardedBy("_mu")] Obj? _o2;
    Obj? _free;
    void A() { _o = null; if (_o == null) return; _o.Touch(); } 
    void B() { _mu.Lock(); var o = _o; _mu.Unlock(); o!.Touch(); } // KS1001
    Obj? C() { _mu.Lock(); try { return _o; } finally { _mu.Unlock(); } } // KS1012
    [MustHold("_mu")] Obj? D() => _o;
    void E() { _mu.Lock(); _free = _o; _o2 = _o; _mu.Unlock(); } // KS1012
    void F() { Use(_o); } // KS1012
    void G() { var o = _o; Action a = () => Use(o); Task.Run(a); } // KS1012
    void H() { _o!.Size = 1; } // KS1002
    void I() { UseInt(_o!.Size); } // KS1001
}
