// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    public readonly KMutex Mu = new();

    public int Level
    {
        [MustHold("Mu")]
        get
        {
            Mu.Unlock();
            return 1; // KS1008
        }

        [Acquires("Mu")]
        set
        {
        } // KS1008
    }
}
