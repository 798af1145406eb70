// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ScopedLock]
sealed class Both : IDisposable
{
    [Acquires("a", "b")]
    [ContextUnsafe("implementation")]
    public Both(KMutex a, KMutex b)
    {
    }

    [ContextUnsafe("implementation")]
    public void Dispose()
    {
    }
}

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();
    [GuardedBy("_a"), GuardedBy("_b")] int _x;

    void M()
    {
        using var guard = new Both(_a, _b);
        _x++;
    }
}
