// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public abstract void Save();
}

class Derived : Base
{
    [MustHoldShared("Mu")]
    public override void Save()
    {
    }
}

class User
{
    void A(Base b)
    {
        b.Mu.Lock();
        b.Save();
        b.Mu.Unlock();
    }
}
