// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public abstract void Take(Obj obj);

    [ReturnsReference]
    public abstract Obj Make();

    public abstract void Keep([ConsumesReference] Obj obj);
}

class Derived : Base
{
    public override void Take([ConsumesReference] Obj obj) => obj.Put(); // KS9003

    [ReturnsReference]
    public override Obj Make() => MakeObj();

    public override void Keep([ConsumesReference] Obj other) => other.Put();
}
