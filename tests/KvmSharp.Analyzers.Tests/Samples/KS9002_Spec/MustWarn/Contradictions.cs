// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Threading;
using System.Threading.Tasks;

[ContextLock]
struct Mut
{
    [Acquires("this")]
    public void Lock()
    {
    }

    [Releases("this")]
    public void Unlock()
    {
    }
}

class Work
{
    readonly KMutex _mu = new();
    readonly Mut _frozen; // KS9002
    readonly SpinLock _spin; // KS9002
    Mut _fine;

    [PtGuardedBy("_mu")]
    int _value; // KS9002

    [AcquiredBefore("_self")]
    readonly KMutex _self = new(); // KS9002

    [AcquiredBefore("_second")]
    readonly KMutex _first = new(); // KS9002

    [AcquiredBefore("_first")]
    readonly KMutex _second = new(); // KS9002

    [MustHold("_mu")]
    [MustNotHold("_mu")]
    void A() // KS9002
    {
    }

    [MustHold("_mu")]
    [Acquires("_mu")]
    void B() // KS9002
    {
        _mu.AssertHeld();
    }

    [Acquires("_mu")]
    [Releases("_mu")]
    void C() // KS9002
    {
        _mu.AssertHeld();
    }

    [CondAcquires(true, "_mu")]
    [ContextUnsafe("declaration only")]
    void D() // KS9002
    {
    }

    [CondAcquires(true, "_mu")]
    [ContextUnsafe("declaration only")]
    Task E() => Task.CompletedTask; // KS9002

    [MightSleep]
    [AtomicContext]
    void F() // KS9002
    {
    }

    void G([ConsumesReference] [BorrowsReference] Obj o) // KS9002
    {
    }

    [ReturnsReference]
    void H() // KS9002
    {
    }

    void I([GuardedBy("_mu")] int x) // KS9002
    {
    }

    void J(in Mut m) // KS9002
    {
    }

    [MustHold("*")]
    [MustNotHold("*")]
    void K() // KS9002
    {
    }

    [Releases("_mu")]
    [CondAcquires(false, "_mu")]
    [ContextUnsafe("declaration only")]
    bool L() => true;

    int P
    {
        [MightSleep]
        [AtomicContext]
        get; // KS9002
    }

    void Use()
    {
        _fine.Lock();
        _fine.Unlock();
        UseInt(_value);
    }
}
