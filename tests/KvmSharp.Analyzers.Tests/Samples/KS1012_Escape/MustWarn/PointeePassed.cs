// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    public int Height;
}

class Forest
{
    readonly KMutex _mu = new();
    [PtGuardedBy("_mu")] Tree _tree = new();

    void M()
    {
        Use(_tree); // KS1012
        _mu.Lock();
        Use(_tree);
        Tree local = _tree;
        _mu.Unlock();
        Use(local); // KS1012
    }
}
