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
        using Lease lease = Take();
        return lease.Size;
    }

    int B()
    {
        using (Lease lease = Take())
            return lease.Size;
    }

    void C()
    {
        Lease lease = Take();
        lease.Dispose();
    }
}
