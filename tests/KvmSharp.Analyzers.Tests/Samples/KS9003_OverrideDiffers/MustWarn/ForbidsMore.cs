// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly KMutex Mu = new();

    public abstract void Plain();

    [MustNotHold("Mu")]
    public abstract void Not();
}

class Derived : Base
{
    [MustNotHold("Mu")]
    public override void Plain() // KS9003
    {
    }

    public override void Not()
    {
    }
}
