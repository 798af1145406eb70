// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    public int Height;
}

class Forest
{
    readonly KMutex _mu = new();
    [PtGuardedBy("_mu")] Tree? _tree = new();

    bool A() => _tree == null;

    bool B() => _tree is null;

    bool C(Tree other) => ReferenceEquals(_tree, other);

    void D()
    {
        Tree? local = _tree;
        if (local != null)
        {
            _mu.Lock();
            UseInt(local.Height);
            _mu.Unlock();
        }
    }

    void E(Tree other) => _tree = other;
}
