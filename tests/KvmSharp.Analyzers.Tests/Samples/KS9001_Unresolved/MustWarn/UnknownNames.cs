// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [GuardedBy("_nope")] // KS9001
    int _x;

    [MustHold("_mu.Missing")] // KS9001
    void A()
    {
    }

    [MustHold("other._mu")] // KS9001
    void B(Work peer)
    {
    }

    [MustHold("_mU")] // KS9001
    void C()
    {
    }

    int Read() => _x;

    void Call() => A();
}
