// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    public int Height;
    public Tree? Left;
}

class Forest
{
    readonly KMutex _mu = new();
    [PtGuardedBy("_mu")] Tree? _tree = new();
    [PtGuardedBy("_mu")] Tree? _spare;
    static readonly Dictionary<int, Tree> All = new();

    static void Take(Tree? tree)
    {
    }

    void A()
    {
        _spare = _tree;
        Take(_tree); // KS1012
        All[3] = _tree!; // KS1012
        if (_tree is null)
            return;
        if (_tree == _spare)
            return;
    }

    [MustHold("_mu")]
    Tree? B()
    {
        Take(_tree);
        return _tree;
    }
}
