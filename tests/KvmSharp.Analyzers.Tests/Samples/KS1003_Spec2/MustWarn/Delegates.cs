// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;

delegate void Plain();

class Owner
{
    public readonly KMutex Mu = new();

    [GuardedBy("Mu")]
    public int X;
}

[MustHold("o.Mu")]
delegate void OnOwner(Owner o);

class Work
{
    readonly KMutex _mu = new();

    [GuardedBy("_mu")]
    int _x;

    [MustHold("_mu")]
    void Needs()
    {
    }

    [MustHold("_mu")]
    void NeedsInt(int i)
    {
    }

    void A(List<int> list)
    {
        Plain p = Needs; // KS1003
        list.ForEach(NeedsInt); // KS1003
        _mu.Lock();
        list.ForEach(NeedsInt);
        list.ForEach(i => _x = i);
        _mu.Unlock();
        list.ForEach(i => _x = i); // KS1002
        p();
    }

    void B(Owner o)
    {
        OnOwner d = x => x.X = 1;
        d(o); // KS1003
        o.Mu.Lock();
        d(o);
        o.Mu.Unlock();
    }

    void C()
    {
        Action a = () => _x = 1; // KS1002
        Use(a);
        _mu.Lock();
        Action b = () => _x = 2;
        b();
        _mu.Unlock();
    }

    void D()
    {
        Action a = [MustHold("_mu")] () => _x = 1;
        a(); // KS1003
        _mu.Lock();
        a();
        _mu.Unlock();
    }

    void E()
    {
        void Local() => _x = 1; // KS1002
        Local();
        _mu.Lock();
        Local();
        _mu.Unlock();
    }

    void F()
    {
        void Take() => _mu.Lock();
        void Give() => _mu.Unlock();
        Take();
        _x = 1;
        Give();
        _x = 2; // KS1002
    }

    void G()
    {
        [MustHold("_mu")]
        void Local() => _x = 1;
        Local(); // KS1003
        _mu.Lock();
        Local();
        _mu.Unlock();
    }

    void H()
    {
        void Local() => _x = 1; // KS1002
        Action a = Local;
        _mu.Lock();
        a();
        _mu.Unlock();
    }

    static void Static(KMutex m)
    {
        m.Lock();
        Inner(m);

        [Releases("m")]
        static void Inner(KMutex m) => m.Unlock();
    }
}
