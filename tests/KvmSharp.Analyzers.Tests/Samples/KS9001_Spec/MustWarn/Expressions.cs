// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Outer
{
    readonly KMutex _outer = new();
    static readonly KMutex Shared = new();

    class Inner
    {
        readonly KMutex _mu = new();
        int _number;

        [GuardedBy("_outer")] // KS9001
        int _a;

        [GuardedBy("Shared")]
        int _b;

        [GuardedBy("Outer.Shared")]
        int _c;

        [GuardedBy("_number")] // KS9001
        int _d;

        [GuardedBy("nothing")] // KS9001
        int _e;

        [GuardedBy("_mu")] // KS9001
        static int _f;

        [GuardedBy("Outer")] // KS9001
        int _g;

        [GuardedBy("this")]
        int _h;

        [GuardedBy("global::Outer.Shared")] // KS9001
        int _i;

        [MustHold("_mu")] // KS9001
        static void A()
        {
        }

        [MustHold("With(1)")] // KS9001
        void B()
        {
        }

        [MustHold("p._mu")]
        void C(Inner p)
        {
        }

        [MustHold("q._mu")] // KS9001
        void D(Inner p)
        {
        }

        [MustHold("_MU")] // KS9001
        void E()
        {
        }

        [Acquires("return._mu")]
        [ContextUnsafe("implementation")]
        Inner F() => this;

        [MustHold("")] // KS9001
        void G()
        {
        }

        [MustHold("@this")] // KS9001
        void H()
        {
        }

        [MustHold("typeof(Outer)")] // KS9001
        void I()
        {
        }

        int P
        {
            [MustHold("value")] // KS9001
            set
            {
            }
        }

        KMutex Q
        {
            [MustHold("value")]
            set
            {
            }
        }

        Inner With(int x) => this;

        void Use()
        {
            lock (this)
                _h = 1;
            UseInt(_a + _d + _e + _f + _g + _i);
            Shared.Lock();
            _b = _c = 1;
            Shared.Unlock();
        }
    }
}
