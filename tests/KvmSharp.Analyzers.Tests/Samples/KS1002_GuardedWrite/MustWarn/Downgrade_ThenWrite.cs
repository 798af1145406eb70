// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Map
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _size;

    int Publish()
    {
        _sem.DownWrite();
        _size = 4;
        _sem.DowngradeWrite();
        int size = _size;
        _size = 5; // KS1002
        _sem.UpRead();
        return size;
    }
}
