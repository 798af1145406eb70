// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();

    [MustNotHold("_mu")]
    void Slow()
    {
    }

    [MustHold("_mu")]
    void A() => Slow();

    [MustHold("_mu", "_other")]
    void B()
    {
        Slow();
    }
}
// ==== fixed
class Work
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();

    [MustNotHold("_mu")]
    void Slow()
    {
    }

    [MustNotHold("_mu")]
    void A() => Slow();

    [MustNotHold("_mu")]
    [MustHold("_other")]
    void B()
    {
        Slow();
    }
}
