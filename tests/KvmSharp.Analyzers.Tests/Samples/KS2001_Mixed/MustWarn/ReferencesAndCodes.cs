// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Get", "Dispose")]
class D : IDisposable { public D Get() => this; public void Dispose() { } public int V; }
[RefCounted("", "put")]
[ContextLock]
readonly struct H { readonly int _i; public bool IsNull => _i == 0; public void put() { } [ReturnsReference] [ContextUnsafe("x")] public static H find() => default; [Acquires("this")] [ContextUnsafe("x")] public void lck() { } [Releases("this")] [ContextUnsafe("x")] public void unl() { } }
static class Err2 { public const int EINVAL = 22; public static bool IS_ERR(object? o) => false; public static int PTR_ERR(object? o) => 0; }
static class Errno { public const int EINVAL = 22; public const int ENOMEM = 12; }
class W4
{
    Obj? _f;
    [BorrowsReference] Obj? _b;
    [ConsumesReference] Obj? _c;
    [ReturnsReference] [ContextUnsafe("x")] static D MakeD() => new();
    [ErrorPointer] [ReturnsReference] [ContextUnsafe("x")] static Obj Open() => new();
    [MustCheck] static int Must() => 0;
    [MustCheck] static int TryMake([ReturnsReference] out Obj o) { o = MakeObj(); return 0; }
    static bool TryGet([ReturnsReference] [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Obj? o) { o = MakeObj(); return true; }

    void A() { using var d = MakeD(); UseInt(d.V); }
    void B() { using (MakeD()) { } }
    void C() { var d = MakeD(); UseInt(d.V); } // KS2001
    void E() { MakeObj(); } // KS2001
    void F() { MakeObj().Touch(); } // KS2001
    void G() { Use(MakeObj()); } // KS2001
    Obj H1() => MakeObj(); // KS2001
    [ReturnsReference] Obj I() => MakeObj();
    [ReturnsReference] Obj J(Obj p) => p; // KS2004
    [ReturnsReference] Obj K(Obj p) => p.Get();
    [ReturnsReference] Obj K2(Obj p) { p.Get(); return p; }
    void L(Obj p) { p.Put(); } // KS2004
    void M([ConsumesReference] Obj p) { p.Put(); }
    void N([ConsumesReference] Obj p) { } // KS2001
    void O() { var o = MakeObj(); o.Put(); o.Touch(); } // KS2003
    void P() { var o = MakeObj(); o.Put(); o.Put(); } // KS2002
    void Q() { var o = MakeObj(); o = MakeObj(); o.Put(); } // KS2005
    void R() { _f = MakeObj(); _f.Touch(); }
    void S() { var o = MakeObj(); _f = o; o.Touch(); }
    void T() { var o = MakeObj(); _b = o; } // KS2001
    void U(Obj p) { _c = p; } // KS2004
    void V() { var o = MakeObj(); _c = o; }
    void W() { var o = FindObj(1); if (o == null) return; o.Put(); }
    void X() { var o = FindObj(1); o?.Put(); }
    void Y() { if (FindObj(1) is { } o) o.Put(); }
    void Z() { var l = new List<Obj>(); var o = MakeObj(); l.Add(o); o.Touch(); foreach (var q in l) q.Put(); }
    int AA() { var o = Open(); if (Err2.IS_ERR(o)) return Err2.PTR_ERR(o); o.Put(); return 0; }
    int BB() { var o = Open(); o.Touch(); o.Put(); return 0; } // KS4002
    void CC() { if (!TryGet(out var o)) return; o.Put(); }
    void DD() { TryGet(out var o); } // KS2001
    int EE() { int e = TryMake(out var o); if (e != 0) { o.Put(); return e; } o.Put(); return 0; }
    void FF() { Must(); } // KS4001
    void GG() { int r = Must(); r = 3; UseInt(r); } // KS4001
    void HH() { _ = Must(); }
    int II() => Errno.EINVAL; // KS4003
    int JJ() => -Errno.EINVAL;
    int KK(bool b) => b ? 0 : Errno.EINVAL; // KS4003
    int LL() { int e = Errno.EINVAL; int f = e; return f; } // KS4003
    int MM(bool b) { int e = 0; if (b) e = Errno.EINVAL; return e; }
    bool NN(int e) => e == Errno.EINVAL;
    int OO() { var h = H.find(); if (h.IsNull) return 1; h.lck(); var g = h; g.unl(); g.put(); return 0; }
    int PP() { var h = H.find(); if (h.Equals(default)) return 1; h.put(); return 0; }
    void QQ(bool b) { Obj? o = null; if (b) o = MakeObj(); if (b) o!.Put(); }
    void RR(bool b) { Obj? o = b ? MakeObj() : null; o?.Put(); }
    void SS() { var o = MakeObj(); try { Use(o); } finally { o.Put(); } }
    void TT() { var o = MakeObj(); if (Flag()) throw new Exception(); o.Put(); } // KS2001
    void UU(int n) { for (int i = 0; i < n; i++) { var o = MakeObj(); if (i == 3) continue; o.Put(); } } // KS2001
    void VV() { var o = MakeObj(); Action a = () => o.Put(); a(); }
    void WW() { var o = MakeObj(); var t = (o, 1); Use(t); }
    void XX() { var a = MakeObj(); var b = a; a.Put(); b.Touch(); } // KS2003
    void YY() { var f = _f; f!.Put(); f.Put(); } // KS2002
    [ReturnsReference] Obj? ZZ() { var o = FindObj(2); if (o is null) return null; return o; }
    async Task AB() { var o = MakeObj(); await Task.Yield(); o.Put(); }
    void AC() { Obj o; o = MakeObj(); o.Get(); o.Put(); o.Put(); }
    void AD() { var o = new Obj(); } // KS2001
    void AE() { var o = MakeObj(); while (Flag()) { if (Flag()) { o.Put(); return; } } o.Put(); }
    void AG(Obj[] arr) { arr[0] = MakeObj(); var x = arr[1]; x.Put(); }
    int AH() { int r; if ((r = Must()) != 0) return r; return 0; }
    void AI() { int r = Must(); Action a = () => UseInt(r); a(); }
    async Task AJ() { await MustA(); } // KS4001
    [MustCheck] static Task<int> MustA() => null!;
}
