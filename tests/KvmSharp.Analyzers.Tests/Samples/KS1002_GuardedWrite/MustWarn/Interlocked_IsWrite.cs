// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Stats
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _hits;

    void A() => Interlocked.Increment(ref _hits); // KS1002

    void B() => Volatile.Write(ref _hits, 1); // KS1002

    void C()
    {
        _sem.DownRead();
        Interlocked.Exchange(ref _hits, 1); // KS1002
        _sem.UpRead();
    }
}
