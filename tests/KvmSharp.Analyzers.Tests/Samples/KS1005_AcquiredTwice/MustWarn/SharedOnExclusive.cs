// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();

    void A()
    {
        _sem.DownWrite();
        _sem.DownRead(); // KS1005
        _sem.UpWrite();
    }

    void B()
    {
        _sem.DownRead();
        _sem.DownRead(); // KS1005
        _sem.UpRead();
    }

    void C()
    {
        _sem.DownRead();
        _sem.DownWrite(); // KS1005
        _sem.UpRead();
    }
}
