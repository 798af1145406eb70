// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Map
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _size;

    int Size()
    {
        _sem.DownRead();
        int size = _size;
        _sem.UpRead();
        return size;
    }

    int SizeExclusive()
    {
        _sem.DownWrite();
        int size = _size;
        _sem.UpWrite();
        return size;
    }
}
