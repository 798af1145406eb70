// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();

    [Acquires("_mu")]
    void A()
    {
        UseInt(1);
    }

    // keep: two
    [Acquires("_mu", "_other")]
    void B()
    {
        _other.Lock();
    }

    [CondAcquires(true, "_mu")]
    bool C() => true;
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();

    void A()
    {
        UseInt(1);
    }

    // keep: two
    [Acquires("_other")]
    void B()
    {
        _other.Lock();
    }

    bool C() => true;
}
