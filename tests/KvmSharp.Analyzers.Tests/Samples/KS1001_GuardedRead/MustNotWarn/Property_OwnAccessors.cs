// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Config
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _level;

    [GuardedBy("_mu")]
    public int Level
    {
        get => _level;
        set => _level = value;
    }
}
