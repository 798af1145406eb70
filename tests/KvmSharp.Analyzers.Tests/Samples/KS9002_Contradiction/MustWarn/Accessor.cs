// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    public int Level
    {
        [MustHold("_mu")]
        [MustNotHold("_mu")]
        get => 1; // KS9002
        set { }
    }
}
