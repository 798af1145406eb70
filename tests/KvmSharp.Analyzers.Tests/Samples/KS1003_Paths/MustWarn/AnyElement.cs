// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Table
{
    readonly KMutex[] _locks = new KMutex[16];
    [GuardedBy("_locks.*")] int _x;

    [MustHold("_locks.*")]
    void Need()
    {
    }

    int Next() => 3;

    void Constant()
    {
        _locks[2].Lock();
        _x = 1;
        Need();
        _locks[2].Unlock();
        Need(); // KS1003
    }

    void Unstable()
    {
        _locks[Next()].Lock();
        _x = 1;
        Need();
        _locks[Next()].Unlock();
        _x = 2; // KS1002
    }
}
