// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly KMutex Mu = new();

    [CondAcquires(true, "Mu")]
    public abstract bool Try();

    public abstract void Assert();

    [CondAcquires(true, "Mu")]
    public abstract bool Same();
}

class Derived : Base
{
    [CondAcquires(false, "Mu")]
    public override bool Try() => !Mu.TryLock(); // KS9003

    [AssertsHeld("Mu")]
    [ContextUnsafe("implementation")]
    public override void Assert() // KS9003
    {
    }

    [CondAcquires(true, "Mu")]
    public override bool Same() => Mu.TryLock();
}
