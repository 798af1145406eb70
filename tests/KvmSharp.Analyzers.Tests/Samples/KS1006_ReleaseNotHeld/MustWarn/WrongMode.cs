// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();

    void A()
    {
        _sem.DownRead();
        _sem.UpWrite(); // KS1006
    }

    void B()
    {
        _sem.DownWrite();
        _sem.UpRead(); // KS1006
    }

    [Releases("_sem")]
    void C() => _sem.UpRead(); // KS1006
}
