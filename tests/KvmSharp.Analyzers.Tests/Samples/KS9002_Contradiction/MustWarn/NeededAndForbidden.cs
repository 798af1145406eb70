// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    [MustNotHold("_mu")]
    void A() // KS9002
    {
    }

    [MustHoldShared("_mu")]
    [MustNotHold("*")]
    void B() // KS9002
    {
    }

    [MustHold("_mu")]
    [MustNotHold("this")]
    void C()
    {
    }
}
