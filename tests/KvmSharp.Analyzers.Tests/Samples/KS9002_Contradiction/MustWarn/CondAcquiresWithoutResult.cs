// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Work
{
    readonly KMutex _mu = new();

    [CondAcquires(true, "_mu")]
    public abstract void A(); // KS9002

    [CondAcquires(true, "_mu")]
    public abstract Task B(); // KS9002

    [CondAcquiresShared(true, "_mu")]
    public abstract ValueTask C(); // KS9002

    [CondAcquires(true, "_mu")]
    public abstract Task<bool> D();

    [CondAcquires(true, "_mu")]
    public abstract int E();

    [CondAcquires(false, "_mu")]
    public abstract object? F();
}
