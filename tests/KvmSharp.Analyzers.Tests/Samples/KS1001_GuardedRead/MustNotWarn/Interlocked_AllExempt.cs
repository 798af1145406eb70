// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.atomic_access_exempt = all
class Stats
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] long _hits;
    [GuardedBy("_mu")] int _level;

    long A() => Interlocked.Increment(ref _hits);

    void B() => Volatile.Write(ref _level, 1);

    int C() => Interlocked.Exchange(ref _level, 2) + Volatile.Read(ref _level);
}
