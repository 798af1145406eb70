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

    Tree A() => _tree; // KS1012

    Tree B()
    {
        Tree local = _tree;
        return local; // KS1012
    }

    [MustHold("_mu")]
    Tree C() => _tree;
}
