// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    public int Height;
}

class Forest
{
    readonly KMutex _mu = new();
    [PtGuardedBy("_mu")] readonly Tree _tree = new();

    Tree A() => _tree;

    Tree B()
    {
        Tree tree = _tree;
        return tree;
    }
}
// ==== fixed
class Tree
{
    public int Height;
}

class Forest
{
    readonly KMutex _mu = new();
    [PtGuardedBy("_mu")] readonly Tree _tree = new();

    [MustHold("_mu")]
    Tree A() => _tree;

    [MustHold("_mu")]
    Tree B()
    {
        Tree tree = _tree;
        return tree;
    }
}
