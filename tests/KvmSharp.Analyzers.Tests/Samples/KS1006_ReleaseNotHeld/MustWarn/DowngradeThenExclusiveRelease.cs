// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();

    void A()
    {
        _sem.DownWrite();
        _sem.DowngradeWrite();
        _sem.UpWrite(); // KS1006
    }

    void B()
    {
        _sem.DownRead();
        _sem.DowngradeWrite(); // KS1006
        _sem.UpRead();
    }
}
