// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();

    [Acquires("_sem")]
    [Releases("_sem")]
    [ContextUnsafe("declaration only")]
    void A() // KS9002
    {
    }

    [AcquiresShared("_sem")]
    [Releases("_sem")]
    void Downgrade() => _sem.DowngradeWrite();

    [Releases("_sem")]
    [CondAcquires(false, "_sem")]
    [ContextUnsafe("conditional release")]
    bool Cond() => true;
}
