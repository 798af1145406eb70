// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface ILocked
{
    KMutex Mu { get; }

    [MustHold("Mu")]
    void Change();

    void Free();
}

class Good : ILocked
{
    readonly KMutex _mu = new();

    public KMutex Mu => _mu;

    public void Change()
    {
    }

    public void Free()
    {
    }
}

class NeedsMore : ILocked
{
    public KMutex Mu { get; } = new();

    public void Change()
    {
    }

    [MustHold("Mu")]
    public void Free() // KS9003
    {
    }
}

class NeedsLess : ILocked
{
    public KMutex Mu { get; } = new();

    [MustNotHold("Other")]
    public void Change() // KS9003
    {
    }

    [ContextUnsafe("not a contract")]
    public void Free()
    {
    }

    public KMutex Other { get; } = new();
}

static class Generic
{
    static void Call<T>(T item)
        where T : ILocked
    {
        item.Change(); // KS1003
        item.Mu.Lock();
        item.Change();
        item.Mu.Unlock();
        item.Free();
    }
}

abstract class Base<T>
{
    protected readonly KMutex Mu = new();

    [GuardedBy("Mu")]
    protected T? Value;

    [MustHold("Mu")]
    public abstract T? Get();

    [MightSleep]
    public virtual void Wait()
    {
    }

    public virtual void Quick()
    {
    }

    [MustCheck]
    public virtual int Result() => 0;
}

class Impl : Base<string>
{
    public override string? Get() => Value;

    public override void Wait()
    {
    }

    [MightSleep]
    public override void Quick() // KS9003
    {
    }

    [MightSleep]
    public override int Result() => 0; // KS9003

    void Use(Base<string> other)
    {
        UseInt(other.Get()?.Length ?? 0); // KS1003
        Mu.Lock();
        Get();
        Value = "x";
        Mu.Unlock();
        Value = "y"; // KS1002
    }
}

interface IKeep
{
    void Take([ConsumesReference] Obj o);
}

class Keep : IKeep
{
    public void Take([BorrowsReference] Obj o) // KS9003
    {
    }
}
