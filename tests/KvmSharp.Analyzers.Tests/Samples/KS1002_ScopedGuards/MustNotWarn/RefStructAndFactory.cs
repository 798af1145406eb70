// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
ref struct SpinGuard
{
    [Acquires("spin")]
    [ContextUnsafe("implementation")]
    public static SpinGuard Take(Spin spin) => default;

    [ContextUnsafe("implementation")]
    public void Dispose()
    {
    }
}

static class SpinExtensions
{
    [Acquires("spin")]
    [ContextUnsafe("implementation")]
    public static SpinGuard Hold(this Spin spin) => default;
}

class Work
{
    readonly Spin _spin = new();
    [GuardedBy("_spin")] int _x;

    void A()
    {
        using SpinGuard guard = SpinGuard.Take(_spin);
        _x = 1;
    }

    void B()
    {
        using (_spin.Hold())
            _x = 1;
    }
}
