// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("", "Dispose")]
sealed class Lease : IDisposable
{
    public int Size;

    public void Dispose()
    {
    }
}

class Work
{
    [ReturnsReference]
    [ContextUnsafe("implementation")]
    static Lease Take() => new();

    int A()
    {
        Lease lease = Take();
        return lease.Size; // KS2001
    }
}
