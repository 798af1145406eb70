// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Inner
{
    public readonly KMutex Mu = new();

    [ReturnsLock("Mu")]
    public KMutex GetMu() => Mu;
}

class Outer
{
    readonly Inner _inner = new();

    public Inner Part => _inner;

    [MustHold("_inner.Mu")]
    void A()
    {
    }

    [MustHold("_inner.GetMu()")]
    void B()
    {
    }

    [MustHold("Part.Mu")]
    void C()
    {
    }

    void M()
    {
        _inner.Mu.Lock();
        A();
        B();
        _inner.Mu.Unlock();
        Part.Mu.Lock();
        C();
        Part.Mu.Unlock();
    }
}
