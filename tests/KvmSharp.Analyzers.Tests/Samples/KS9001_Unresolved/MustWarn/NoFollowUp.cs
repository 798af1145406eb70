// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Acquires("_gone")] // KS9001
    void A()
    {
    }

    [MustHold("_mu", "_gone")] // KS9001
    void B()
    {
    }

    void C()
    {
        A();
        B(); // KS1003
    }
}
