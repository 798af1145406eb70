// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface IHasLock
{
    object Gate { get; }

    [GuardedBy("Gate")]
    int Value { get; set; }
}

class Thing : IHasLock
{
    public object Gate { get; } = new();

    [GuardedBy("Gate")]
    public int Value { get; set; }
}

class User
{
    int A(Thing thing)
    {
        lock (thing.Gate)
        {
            return thing.Value + ((IHasLock)thing).Value;
        }
    }

    int B(object o) => ((Thing)o).Value; // KS1001

    int C(object o)
    {
        lock (((Thing)o).Gate)
            return ((Thing)o).Value;
    }

    int D(object o)
    {
        var thing = o as Thing;
        lock (thing!.Gate)
            return thing.Value;
    }

    int E(IHasLock one, IHasLock two)
    {
        lock (one.Gate)
            return two.Value; // KS1001
    }
}
