// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
sealed class Adopt : IDisposable
{
    [MustHold("mu")]
    [ContextUnsafe("implementation")]
    public Adopt(KMutex mu)
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

    [MustHold("_mu")]
    void A()
    {
        using var guard = new Adopt(_mu);
        UseInt(1);
    } // KS1008

    [Releases("_mu")]
    void B()
    {
        using var guard = new Adopt(_mu);
        UseInt(1);
    }

    void C()
    {
        _mu.Lock();
        using var guard = new Adopt(_mu);
        UseInt(1);
    }

    void D()
    {
        using var guard = new Adopt(_mu); // KS1003
    }
}
