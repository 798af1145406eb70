// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections;
using System.Collections.Generic;

class Num
{
    public readonly KMutex Mu = new();
    public int V;

    [MustHold("a.Mu")]
    public static Num operator +(Num a, Num b) => a;

    [MustHold("a.Mu")]
    public static explicit operator int(Num a) => a.V;

    [MustHold("a.Mu")]
    public static Num operator ++(Num a) => a;

    [MustHold("a.Mu")]
    public static bool operator true(Num a) => true;

    [MustHold("a.Mu")]
    public static bool operator false(Num a) => false;

    [MustHold("Mu")]
    public void Deconstruct(out int x, out int y) => x = y = V;

    public int this[int i]
    {
        [MustHold("Mu")]
        get => V;
        [MustHold("Mu")]
        set => V = value;
    }

    [MustHold("Mu")]
    public event Action Changed
    {
        add
        {
        }

        remove
        {
        }
    }
}

class Coll : IEnumerable<int>
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Add(int x)
    {
    }

    [MustHold("Mu")]
    public IEnumerator<int> GetEnumerator() => throw new NotSupportedException(); // KS9003

    IEnumerator IEnumerable.GetEnumerator() => throw new NotSupportedException();
}

class Disp : IDisposable
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Dispose() // KS9003
    {
    }
}

class Use1
{
    void A(Num a, Num b)
    {
        Num c = a + b; // KS1003
        UseInt((int)a); // KS1003
        a++; // KS1003
        var (x, y) = b; // KS1003
        UseInt(b[0]); // KS1003
        b[1] = 2; // KS1003
        b.Changed += Ignored; // KS1003
        Use(c);
        UseInt(x + y);
    }

    void B(Num a)
    {
        a.Mu.Lock();
        Num c = a + a;
        UseInt((int)a);
        var (x, y) = a;
        UseInt(a[0] + x + y);
        a[1] = 2;
        a.Changed -= Ignored;
        a.Mu.Unlock();
        Use(c);
    }

    void C(Coll c)
    {
        foreach (int i in c) // KS1003
            UseInt(i);
        c.Mu.Lock();
        foreach (int i in c)
            UseInt(i);
        c.Mu.Unlock();
        var fresh = new Coll { 1, 2 };
        Use(fresh);
    }

    void D(Disp d)
    {
        using (d) // KS1003
        {
        }

        d.Mu.Lock();
        d.Dispose();
        d.Mu.Unlock();
    }

    static void Ignored()
    {
    }
}
