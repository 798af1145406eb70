// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly RwSem Sem = new();

    public abstract void Plain();

    [MustHoldShared("Sem")]
    public abstract void Shared();

    [MustHold("Sem")]
    public abstract void Held();
}

class Derived : Base
{
    [MustHold("Sem")]
    public override void Plain() // KS9003
    {
    }

    [MustHold("Sem")]
    public override void Shared() // KS9003
    {
    }

    [MustHoldShared("Sem")]
    public override void Held()
    {
    }
}
