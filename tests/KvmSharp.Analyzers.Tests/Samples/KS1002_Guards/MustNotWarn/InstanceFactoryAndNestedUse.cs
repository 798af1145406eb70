// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
sealed class Door
{
    [Acquires("this")]
    public void Enter()
    {
    }

    [Releases("this")]
    public void Leave()
    {
    }

    [Acquires("this")]
    [ContextUnsafe("implementation")]
    public DoorGuard Open() => new();
}

[ScopedLock]
sealed class DoorGuard : IDisposable
{
    [ContextUnsafe("implementation")]
    public void Dispose()
    {
    }
}

class Work
{
    readonly Door _a = new();
    readonly Door _b = new();
    [GuardedBy("_a")] int _x;
    [GuardedBy("_b")] int _y;

    void M()
    {
        using (_a.Open())
        using (_b.Open())
        {
            _x = 1;
            _y = 2;
        }

        using DoorGuard first = _a.Open();
        using DoorGuard second = _b.Open();
        _x = 3;
        _y = 4;
    }

    void InLoop(int n)
    {
        for (int i = 0; i < n; i++)
        {
            using DoorGuard guard = _a.Open();
            if (i == 3)
                continue;
            if (i == 4)
                break;
            _x = i;
        }
    }
}
