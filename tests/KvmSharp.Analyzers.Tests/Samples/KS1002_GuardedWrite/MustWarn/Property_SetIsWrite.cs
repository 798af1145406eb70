// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Config
{
    readonly RwSem _sem = new();

    [GuardedBy("_sem")]
    public int Level { get; set; }

    void A() => Level = 1; // KS1002

    void B()
    {
        _sem.DownRead();
        Level = Level + 1; // KS1002
        _sem.UpRead();
    }

    void C()
    {
        _sem.DownWrite();
        Level++;
        _sem.UpWrite();
    }
}
