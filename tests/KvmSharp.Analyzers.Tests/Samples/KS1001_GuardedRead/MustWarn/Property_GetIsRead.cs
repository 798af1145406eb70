// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Config
{
    readonly KMutex _mu = new();

    [GuardedBy("_mu")]
    public int Level { get; set; }

    int Read() => Level; // KS1001

    int ReadLocked()
    {
        _mu.Lock();
        int level = Level;
        _mu.Unlock();
        return level;
    }
}
