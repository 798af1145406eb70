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
    readonly RwSem _sem = new();
    [PtGuardedBy("_sem")] Tree _tree = new();
    [PtGuardedBy("_sem")] readonly int[] _rows = new int[4];

    int Reads() => _tree.Height // KS1001
        + _tree.Width // KS1001
        + _rows[0]; // KS1001

    void Writes()
    {
        _tree.Height = 1; // KS1002
        _tree.Width = 2; // KS1002
        _rows[0] = 3; // KS1002
    }

    void Call() => _tree.Grow(); // KS1001

    void Shared()
    {
        _sem.DownRead();
        _tree.Grow();
        UseInt(_tree.Height + _rows[1]);
        _tree.Height++; // KS1002
        _sem.UpRead();
    }

    Tree Escape() => _tree; // KS1012
}
