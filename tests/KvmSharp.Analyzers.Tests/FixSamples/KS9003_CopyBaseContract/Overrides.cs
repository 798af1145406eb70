// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly KMutex Mu = new();

    [MustHold("page")]
    public abstract void Clean(KMutex page);

    public abstract void Plain();

    public abstract void Take(Obj obj);

    [MustCheck]
    [MightSleep]
    public abstract int Check();
}

class Derived : Base
{
    [MustHold("p")]
    [MightSleep]
    public override void Clean(KMutex p)
    {
    }

    // keep: plain
    [MustHold("Mu")]
    public override void Plain()
    {
    }

    public override void Take([ConsumesReference] Obj obj) => obj.Put();

    [MightSleep]
    public override int Check() => 0;
}
// ==== fixed
abstract class Base
{
    public readonly KMutex Mu = new();

    [MustHold("page")]
    public abstract void Clean(KMutex page);

    public abstract void Plain();

    public abstract void Take(Obj obj);

    [MustCheck]
    [MightSleep]
    public abstract int Check();
}

class Derived : Base
{
    [MustHold("p")]
    public override void Clean(KMutex p)
    {
    }

    // keep: plain
    public override void Plain()
    {
    }

    public override void Take(Obj obj) => obj.Put();

    [MustCheck]
    [MightSleep]
    public override int Check() => 0;
}
