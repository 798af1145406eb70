// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Map
{
    readonly RwSem _sem = new();

    [MustHold("_sem")]
    void Change()
    {
    }

    [MustHoldShared("_sem")]
    void Look()
    {
    }

    void A()
    {
        _sem.DownRead();
        Look();
        Change(); // KS1003
        _sem.UpRead();
        Look(); // KS1003
    }

    [MustHoldShared("_sem")]
    void B() => Change(); // KS1003
}
