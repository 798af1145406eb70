// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    public int Height;
}

class Forest
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();
    [PtGuardedBy("_mu")] Tree _tree = new();
    [PtGuardedBy("_mu")] Tree? _same;
    [PtGuardedBy("_other")] Tree? _wrong;
    Tree? _plain;
    static Tree? _static;
    readonly Tree?[] _array = new Tree?[2];
    readonly List<Tree> _list = new();

    void M()
    {
        _mu.Lock();
        _same = _tree;
        _plain = _tree; // KS1012
        _static = _tree; // KS1012
        _array[0] = _tree; // KS1012
        _wrong = _tree; // KS1012
        _list.Add(_tree); // KS1012
        _mu.Unlock();
    }
}
