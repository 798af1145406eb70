// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Base
{
    public readonly KMutex Mu = new();

    public virtual void Plain()
    {
    }

    [MustHold("gate")]
    public void With(int n, object? gate = null)
    {
    }
}

class User
{
    readonly object _gate = new();

    void M(Base b)
    {
        b.Plain();
        b.With(1); // KS1003
        b.With(1, _gate); // KS1003
        lock (_gate)
            b.With(1, _gate);
    }
}
