// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

struct Stat
{
    int _hits;

    public int Total => _hits;

    public void Hit() => _hits++;

    public int Field;
}

class Counter
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] Stat _stat;

    void A() => _stat.Hit(); // KS1002

    void B() => _stat.Field = 1; // KS1002

    void C()
    {
        _sem.DownRead();
        _stat.Hit(); // KS1002
        int total = _stat.Total; // KS1002
        _stat.Field++; // KS1002
        _sem.UpRead();
        UseInt(total);
    }
}
