// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

struct Stat
{
    public int Hits;
    public int Auto { get; set; }

    public readonly int Total() => Hits;
}

readonly struct Fixed
{
    public int Twice() => 2;
}

class Counter
{
    readonly object _gate = new();
    [GuardedBy("_gate")] Stat _stat;
    [GuardedBy("_gate")] Fixed _fixed;

    int A() => _stat.Hits; // KS1001

    int B() => _stat.Total(); // KS1001

    int C() => _stat.Auto; // KS1001

    int D() => _fixed.Twice(); // KS1001
}
