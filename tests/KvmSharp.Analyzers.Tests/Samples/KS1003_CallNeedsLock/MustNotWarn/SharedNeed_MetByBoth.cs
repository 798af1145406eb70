// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Map
{
    readonly RwSem _sem = new();

    [MustHoldShared("_sem")]
    void Look()
    {
    }

    void A()
    {
        _sem.DownRead();
        Look();
        _sem.UpRead();
        _sem.DownWrite();
        Look();
        _sem.UpWrite();
    }

    [MustHold("_sem")]
    void B() => Look();
}
