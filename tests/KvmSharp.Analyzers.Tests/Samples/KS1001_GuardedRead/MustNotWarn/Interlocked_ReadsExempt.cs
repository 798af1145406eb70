// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.atomic_access_exempt = reads
class Stats
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] long _hits;
    [GuardedBy("_mu")] int _level;

    long A() => Interlocked.Read(ref _hits);

    int B() => Volatile.Read(ref _level);
}
