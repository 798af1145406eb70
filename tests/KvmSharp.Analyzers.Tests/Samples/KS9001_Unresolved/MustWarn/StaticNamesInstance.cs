// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    static readonly KMutex Big = new();

    [GuardedBy("_mu")] static int _x; // KS9001
    [GuardedBy("Big")] static int _y;

    [MustHold("_mu")] // KS9001
    static void A()
    {
    }

    [Acquires("this")] // KS9001
    static void B()
    {
    }

    [MustHold("Big")]
    static void C()
    {
    }

    [MustHold("w._mu")]
    static void D(Work w)
    {
    }
}
