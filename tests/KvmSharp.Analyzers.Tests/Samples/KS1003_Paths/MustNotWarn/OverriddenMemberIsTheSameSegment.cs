// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public abstract KMutex Mu { get; }

    [MustHold("Mu")]
    public void Need()
    {
    }
}

class Derived : Base
{
    readonly KMutex _mu = new();

    public override KMutex Mu => _mu;

    void M()
    {
        Mu.Lock();
        Need();
        Mu.Unlock();
    }

    void N(Base b)
    {
        b.Mu.Lock();
        b.Need();
        b.Mu.Unlock();
    }
}
