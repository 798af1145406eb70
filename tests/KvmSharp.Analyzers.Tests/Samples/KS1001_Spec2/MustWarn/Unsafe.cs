// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Threading;

class Work
{
    readonly object _mu = new();

    [GuardedBy("_mu")]
    int _x;

    [GuardedBy("_mu")]
    [ContextUnsafe("statistics")]
    int _loose;

    [ContextUnsafe("tested elsewhere")]
    void A() => _x = 1;

    [ContextUnsafe("whole property")]
    int P
    {
        get => _x;
        set => _x = value;
    }

    void B()
    {
        _loose = 1;
        Action a = [ContextUnsafe("here")] () => _x = 1;
        a();
        [ContextUnsafe("there")]
        void Local() => _x = 2;
        Local();
        UseInt(_x); // KS1001
    }

    [MustHold("_mu")]
    [ContextUnsafe("contract still binds")]
    void C() => _x = 1;

    void D() => C(); // KS1003

    void E()
    {
        Interlocked.Increment(ref _x); // KS1002
        UseInt(Volatile.Read(ref _x)); // KS1001
        Volatile.Write(ref _x, 1); // KS1002
        Interlocked.CompareExchange(ref _x, 1, 0); // KS1002
    }

    [ContextUnsafe("type")]
    class Loose
    {
        readonly object _gate = new();

        [GuardedBy("_gate")]
        int _y;

        void F() => _y = 1;
    }
}
