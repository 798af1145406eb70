// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.pointee_calls = write
class Tree
{
    public void Grow()
    {
    }
}

class Forest
{
    readonly RwSem _sem = new();
    [PtGuardedBy("_sem")] Tree _tree = new();

    void M()
    {
        _sem.DownRead();
        _tree.Grow(); // KS1002
        _sem.UpRead();
        _sem.DownWrite();
        _tree.Grow();
        _sem.UpWrite();
    }

    Tree Out() => _tree; // KS1012
}
