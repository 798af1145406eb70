// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Grid
{
    readonly RwSem _sem = new();
    [PtGuardedBy("_sem")] readonly int[] _cells = new int[9];

    int Read(int i) => _cells[i]; // KS1001

    void Write(int i) => _cells[i] = 1; // KS1002

    int[] All() => _cells; // KS1012

    static void Fill(int[] cells)
    {
    }

    void Pass()
    {
        Fill(_cells); // KS1012
        _sem.DownWrite();
        Fill(_cells);
        _cells[3]++;
        _sem.UpWrite();
    }

    bool Same(int[] other) => _cells == other;
}
