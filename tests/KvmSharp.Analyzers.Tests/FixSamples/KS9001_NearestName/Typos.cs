// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    public readonly KMutex Mu = new();

    public KMutex GetMu() => Mu;
}

class Work
{
    readonly KMutex _gate = new();
    readonly Holder _holder = new();
    static readonly object Big = new();

    [GuardedBy("_gata")] int _a; // keep: a
    [GuardedBy("_holder.Mux")] int _b;
    [GuardedBy("_holder.GetMy()")] int _c;
    [GuardedBy("_gate")] int _d;

    [MustHold("_gate", "pager")]
    void M(KMutex page)
    {
    }

    [MustHold("Bog")]
    static void S()
    {
    }
}
// ==== fixed
class Holder
{
    public readonly KMutex Mu = new();

    public KMutex GetMu() => Mu;
}

class Work
{
    readonly KMutex _gate = new();
    readonly Holder _holder = new();
    static readonly object Big = new();

    [GuardedBy("_gate")] int _a; // keep: a
    [GuardedBy("_holder.Mu")] int _b;
    [GuardedBy("_holder.GetMu()")] int _c;
    [GuardedBy("_gate")] int _d;

    [MustHold("_gate", "page")]
    void M(KMutex page)
    {
    }

    [MustHold("Big")]
    static void S()
    {
    }
}
