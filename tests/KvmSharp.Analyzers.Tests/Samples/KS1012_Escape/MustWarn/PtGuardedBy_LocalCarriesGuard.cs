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

    int A()
    {
        Tree local = _tree;
        int h = local.Height; // KS1001
        local.Height = 2; // KS1002
        local = new Tree();
        return h + local.Height;
    }

    Tree B()
    {
        Tree local = _tree;
        return local; // KS1012
    }
}
