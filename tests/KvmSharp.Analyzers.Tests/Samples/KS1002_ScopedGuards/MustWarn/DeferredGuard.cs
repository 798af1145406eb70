// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
sealed class Deferred : IDisposable
{
    [MustNotHold("mu")]
    [ContextUnsafe("implementation")]
    public Deferred(KMutex mu)
    {
    }

    [Acquires("this")]
    public void Take()
    {
    }

    [Releases("this")]
    public void Give()
    {
    }

    [ContextUnsafe("implementation")]
    public void Dispose()
    {
    }
}

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        using var guard = new Deferred(_mu);
        _x = 1; // KS1002
        guard.Take();
        _x = 2;
        guard.Give();
        _x = 3; // KS1002
        guard.Take();
        _x = 4;
    }

    void B()
    {
        using var guard = new Deferred(_mu);
    }
}
