// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.atomic_access_exempt = reads
class Stats
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] readonly long[] _hits = new long[4];
    [GuardedBy("_mu")] int[] _table = new int[4];

    long A() => _hits[2]; // KS1001

    void B(int i) => Interlocked.Increment(ref _hits[i]); // KS1002

    int C() => _table.Length; // KS1001

    int[] D() => Volatile.Read(ref _table);
}
