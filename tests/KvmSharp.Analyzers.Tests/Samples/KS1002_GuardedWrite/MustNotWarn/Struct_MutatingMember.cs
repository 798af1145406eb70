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

    int A()
    {
        _sem.DownWrite();
        _stat.Hit();
        _stat.Field = _stat.Total;
        _stat = default;
        int field = _stat.Field;
        _sem.UpWrite();
        return field;
    }
}
