// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    [MustHold("page")]
    public abstract void Clean(KMutex page);
}

class Derived : Base
{
    [MustHold("p")]
    public override void Clean(KMutex p) => p.AssertHeld();
}

class Derived2 : Base
{
    public override void Clean(KMutex other) => other.AssertHeld();
}
