// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

namespace Deep.Space
{
    static class Locks
    {
        public static readonly KMutex Big = new();
    }
}

class Holder
{
    public readonly KMutex Mu = new();

    public KMutex Get() => Mu;

    public KMutex Prop => Mu;
}

class Base
{
    protected readonly KMutex BaseMu = new();
}

class Work : Base
{
    static readonly object Gate = new();
    readonly Holder _holder = new();
    readonly KMutex[] _many = new KMutex[4];

    [GuardedBy("_holder.Mu")] int _a;
    [GuardedBy("_holder.Get()")] int _b;
    [GuardedBy("_holder.Prop")] int _c;
    [GuardedBy("BaseMu")] int _d;
    [GuardedBy("Gate")] static int _e;
    [GuardedBy("Work.Gate")] int _f;
    [GuardedBy("Deep.Space.Locks.Big")] int _g;
    [GuardedBy("this")] int _h;
    [GuardedBy("_many.*")] int _i;
    [GuardedBy("this._holder.Mu")] int _j;

    [MustHold("holder.Mu")]
    void P(Holder holder)
    {
    }

    class Inner
    {
        [GuardedBy("Gate")] int _x;
    }
}
