// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Table
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();
    [GuardedBy("_a"), GuardedBy("_b")] int _rows;

    int Rows()
    {
        _a.Lock();
        _b.Lock();
        _rows++;
        int rows = _rows;
        _b.Unlock();
        _a.Unlock();
        return rows;
    }

    [MustHold("_a", "_b")]
    int Locked() => _rows;

    [MustHold("_a")]
    [MustHold("_b")]
    int LockedTwice() => _rows;
}
