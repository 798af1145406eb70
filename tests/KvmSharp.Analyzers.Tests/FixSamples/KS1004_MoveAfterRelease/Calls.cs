// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly object _gate = new();

    [MustNotHold("_mu")]
    void Slow()
    {
    }

    [MustNotHold("_gate")]
    void Slower()
    {
    }

    void A()
    {
        _mu.Lock();
        // keep: why
        Slow();
        UseInt(1);
        _mu.Unlock();
        UseInt(2);
    }

    void B()
    {
        lock (_gate)
        {
            UseInt(1);
            Slower();
        }

        UseInt(2);
    }
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();
    readonly object _gate = new();

    [MustNotHold("_mu")]
    void Slow()
    {
    }

    [MustNotHold("_gate")]
    void Slower()
    {
    }

    void A()
    {
        _mu.Lock();
        // keep: why
        UseInt(1);
        _mu.Unlock();
        Slow();
        UseInt(2);
    }

    void B()
    {
        lock (_gate)
        {
            UseInt(1);
        }
        Slower();

        UseInt(2);
    }
}
