// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Table
{
    readonly RwSem _sem = new();
    readonly int[] _rows = new int[4];

    [GuardedBy("_sem")]
    public int this[int i]
    {
        get => _rows[i];
        set => _rows[i] = value;
    }

    void M()
    {
        UseInt(this[1]); // KS1001
        this[1] = 2; // KS1002
        _sem.DownRead();
        UseInt(this[1]);
        this[1]++; // KS1002
        _sem.UpRead();
    }
}
