// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Gate
{
    public static readonly KMutex Mu = new();

    [MustHold("Mu")]
    public Gate()
    {
    }

    [MustHold("Mu")]
    public int this[int i] => i;

    [MustHold("Mu")]
    public int Level { get; set; }

    [MustHold("Mu")]
    public static Gate operator +(Gate a, Gate b) => a;

    [MustHold("Mu")]
    public static implicit operator int(Gate g) => 1;
}

class User
{
    void M(Gate g)
    {
        Gate.Mu.Lock();
        Use(new Gate());
        UseInt(g[1] + g.Level);
        g.Level = 2;
        Use(g + g);
        UseInt(g);
        Gate.Mu.Unlock();
    }
}
