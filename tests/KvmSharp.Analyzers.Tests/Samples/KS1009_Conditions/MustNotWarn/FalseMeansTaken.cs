// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [CondAcquires(false, "_mu")]
    [ContextUnsafe("implementation")]
    bool Busy() => false;

    [CondAcquires(false, "_mu")]
    [ContextUnsafe("implementation")]
    object? Conflict() => null;

    [CondAcquires(false, "_mu")]
    [ContextUnsafe("implementation")]
    int Grab() => 1;

    void A()
    {
        if (Busy())
            return;
        _x = 1;
        _mu.Unlock();
    }

    void B()
    {
        if (Conflict() is not null)
            return;
        _x = 1;
        _mu.Unlock();
    }

    void C()
    {
        if (Grab() == 0)
            return;
        _x = 1;
        _mu.Unlock();
    }
}
