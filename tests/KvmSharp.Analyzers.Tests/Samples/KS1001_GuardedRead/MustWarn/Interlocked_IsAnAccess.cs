// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Stats
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] long _hits;
    [GuardedBy("_mu")] int _level;

    long A() => Interlocked.Read(ref _hits); // KS1001

    int B() => Volatile.Read(ref _level); // KS1001

    long C()
    {
        _mu.Lock();
        long hits = Interlocked.Read(ref _hits);
        _mu.Unlock();
        return hits;
    }
}
