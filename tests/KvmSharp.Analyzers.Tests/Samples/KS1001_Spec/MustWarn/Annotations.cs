// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;

class Any
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    [GuardedBy("*")]
    int _x;

    [GuardedBy("_a")]
    [GuardedBy("_b")]
    int _both;

    void A()
    {
        _x = 1; // KS1002
        _a.Lock();
        _x = 2;
        _both = 1; // KS1002
        _b.Lock();
        _both = 2;
        _a.Unlock();
        UseInt(_both); // KS1001
        UseInt(_x);
        _b.Unlock();
    }

    [MustHold("*")]
    void Needs()
    {
        _x = 1;
    }

    [MustNotHold("*")]
    void Forbids()
    {
    }

    void B()
    {
        Needs(); // KS1003
        Forbids();
        _a.Lock();
        Needs();
        Forbids(); // KS1004
        _a.Unlock();
    }

    [Acquires("*")]
    [ContextUnsafe("stops the world")]
    static void Stop()
    {
    }

    [Releases("*")]
    [ContextUnsafe("starts the world")]
    static void Start()
    {
    }

    void C()
    {
        Stop();
        _both = 1;
        UseInt(_x);
        Start();
        _both = 2; // KS1002
    }
}

class Elements
{
    readonly KMutex[] _locks = { new(), new() };
    readonly List<KMutex> _list = new();

    [GuardedBy("_locks.*")]
    int _x;

    [MustHold("_list.*")]
    void Needs()
    {
    }

    void A(int i, int j)
    {
        _locks[i].Lock();
        _x = 1;
        _locks[i].Unlock();
        _x = 2; // KS1002
        _locks[0].Lock();
        _x = 3;
        _locks[1].Unlock(); // KS1006
        _locks[0].Unlock();
        _list[j].Lock();
        Needs();
        _list[j].Unlock();
        Needs(); // KS1003
    }

    void B(int i)
    {
        _locks[i + 1].Lock();
        _x = 1;
        _locks[i + 1].Unlock();
        _x = 2; // KS1002
    }
}

class Holder
{
    public readonly KMutex Mu = new();

    [ReturnsLock("Mu")]
    public KMutex TheLock() => Mu;

    [ReturnsLock("Mu")]
    public KMutex Property => Mu;

    [GuardedBy("Property")]
    public int X;

    [GuardedBy("TheLock()")]
    public int Y;
}

class Paths
{
    Holder _h = new();

    void A(Holder h)
    {
        h.TheLock().Lock();
        h.X = 1;
        h.Y = 2;
        h.Property.Unlock();
        h.X = 2; // KS1002
    }

    void B()
    {
        Holder local = _h;
        local.Mu.Lock();
        _h.X = 1;
        _h.Mu.Unlock();
        local.Y = 1; // KS1002
    }

    void C(object o)
    {
        if (o is Holder { } h)
        {
            h.Mu.Lock();
            ((Holder)o).X = 1;
            (o as Holder)!.Y = 2;
            h.Mu.Unlock();
        }
    }

    void D(Holder next)
    {
        _h.Mu.Lock();
        _h.X = 1;
        Holder old = _h;
        _h = next;
        _h.X = 2; // KS1002
        old.X = 3;
        old.Mu.Unlock();
    }

    void E(Holder? h)
    {
        h?.Mu.Lock(); // KS1009
    }

    Holder Make() => _h;

    void F()
    {
        Make().X = 1; // KS1002
        Make().Mu.Lock();
        Make().X = 2; // KS1002
        Make().Mu.Unlock();
    }

    void G(Holder[] all)
    {
        foreach (Holder h in all)
        {
            h.Mu.Lock();
            h.X = 1;
            h.Mu.Unlock();
        }

        foreach (Holder h in all) // KS1009
            h.Mu.Lock();
    }
}
