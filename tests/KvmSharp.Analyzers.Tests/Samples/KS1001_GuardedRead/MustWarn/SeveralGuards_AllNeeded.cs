// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Table
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();
    [GuardedBy("_a"), GuardedBy("_b")] int _rows;

    int OneHeld()
    {
        _a.Lock();
        int rows = _rows; // KS1001
        _a.Unlock();
        return rows;
    }

    int OtherHeld()
    {
        _b.Lock();
        int rows = _rows; // KS1001
        _b.Unlock();
        return rows;
    }

    int None() => _rows; // KS1001
}
