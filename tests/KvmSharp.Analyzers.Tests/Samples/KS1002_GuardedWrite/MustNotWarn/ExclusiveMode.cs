// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Map
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _size;

    void Grow()
    {
        _sem.DownWrite();
        _size++;
        _sem.UpWrite();
    }

    [MustHold("_sem")]
    void GrowLocked() => _size++;

    void Assert()
    {
        _sem.AssertWrite();
        _size = 3;
    }
}
