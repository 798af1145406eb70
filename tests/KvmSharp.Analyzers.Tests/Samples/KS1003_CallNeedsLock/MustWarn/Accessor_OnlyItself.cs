// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Config
{
    readonly KMutex _mu = new();

    public int Level
    {
        get => 1;
        [MustHold("_mu")]
        set { }
    }

    void M()
    {
        UseInt(Level);
        Level = 2; // KS1003
        Level++; // KS1003
    }
}
