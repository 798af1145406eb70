// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    public int Height;
    public int Width { get; set; }

    public void Grow()
    {
    }
}

class Forest
{
    readonly KMutex _mu = new();
    [PtGuardedBy("_mu")] Tree _tree = new();
    [PtGuardedBy("_mu")] readonly int[] _rows = new int[4];

    void M()
    {
        _mu.Lock();
        _tree.Height = _tree.Width;
        _tree.Width = 3;
        _tree.Grow();
        _rows[0]++;
        _mu.Unlock();
        _tree = new Tree();
    }
}
