// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

struct Stat
{
    public int Hits;
    public int Auto { get; set; }

    public readonly int Total() => Hits;
}

class Counter
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] Stat _stat;

    int Sum()
    {
        _sem.DownRead();
        int sum = _stat.Hits + _stat.Total() + _stat.Auto;
        _sem.UpRead();
        return sum;
    }
}
