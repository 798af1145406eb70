// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.atomic_access_exempt = reads
class Stats
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] long _hits;

    void A() => Interlocked.Increment(ref _hits); // KS1002

    long B() => Interlocked.Read(ref _hits);

    void C() => Volatile.Write(ref _hits, 1); // KS1002
}
