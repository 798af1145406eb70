// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

// option: kvmsharp.max_block_visits = 4

class Work
{
    readonly KMutex _mu = new();

    [GuardedBy("_mu")]
    int _x;

    void Skipped()
    {
        UseInt(1);
        UseInt(2);
        UseInt(3);
        UseInt(4);
        UseInt(5);
        _x = 1;
    }
}
