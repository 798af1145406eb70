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

    Func<Tree> M()
    {
        _mu.Lock();
        Tree local = _tree;
        Func<Tree> f = () => local; // KS1012
        _mu.Unlock();
        return f;
    }
}
