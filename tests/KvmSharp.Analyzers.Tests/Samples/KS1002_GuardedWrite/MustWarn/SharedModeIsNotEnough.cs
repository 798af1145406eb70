// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Map
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _size;

    void Grow()
    {
        _sem.DownRead();
        _size++; // KS1002
        _sem.UpRead();
    }

    [MustHoldShared("_sem")]
    void GrowShared() => _size++; // KS1002

    void Assert()
    {
        _sem.AssertRead();
        _size = 3; // KS1002
    }
}
