// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    public int Height;
}

class Forest
{
    [PtGuardedBy("value")] Tree _tree = new();

    int Locked()
    {
        lock (_tree)
        {
            return _tree.Height;
        }
    }

    int Free() => _tree.Height; // KS1001

    Tree Out() => _tree; // KS1012
}
