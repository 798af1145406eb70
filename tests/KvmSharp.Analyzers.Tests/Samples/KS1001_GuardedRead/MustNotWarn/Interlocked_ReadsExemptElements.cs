// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.atomic_access_exempt = reads
class Stats
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] readonly long[] _hits = new long[4];

    long A() => Volatile.Read(ref _hits[2]);

    long B(int i) => Interlocked.Read(ref _hits[i]);
}
