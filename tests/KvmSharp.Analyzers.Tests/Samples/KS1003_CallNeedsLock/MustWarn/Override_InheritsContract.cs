// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] protected int X;

    [MustHold("Mu")]
    public abstract void Save();
}

class Derived : Base
{
    public override void Save() => X++;
}

class Further : Derived
{
    public override void Save() => X--;
}

class User
{
    void A(Derived d) => d.Save(); // KS1003

    void B(Further f) => f.Save(); // KS1003
}
