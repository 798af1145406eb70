// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Pair { public readonly KMutex Mu = new(); [MustHold("Mu")] public void Deconstruct(out int a, out int b) { a = b = 0; } }
class BaseP { public virtual int P { get; set; } public virtual int Q { get; set; } }
class DerP : BaseP
{
    readonly KMutex _mu = new();
    [MustHold("_mu")]
    public override int P // KS9003
    {
        get => 1;
        set { }
    }
    public override int Q
    {
        get => 1;
        [MustHold("_mu")]
        set { } // KS9003
    }
}
class U5
{
    void A(Pair p)
    {
        var (a, b) = p; // KS1003
        p.Mu.Lock();
        (a, b) = p;
        p.Mu.Unlock();
        UseInt(a + b);
    }
    [AtomicContext] void B(List<int> l) { l.ForEach(x => Thread.Sleep(x)); } // KS1011
    [AtomicContext] void C(List<int> l) { Task.Run(() => Thread.Sleep(1)); }
}
