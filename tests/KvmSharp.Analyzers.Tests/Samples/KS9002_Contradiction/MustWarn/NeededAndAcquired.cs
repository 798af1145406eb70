// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    [Acquires("_mu")]
    void A() // KS9002
    {
    }
}
