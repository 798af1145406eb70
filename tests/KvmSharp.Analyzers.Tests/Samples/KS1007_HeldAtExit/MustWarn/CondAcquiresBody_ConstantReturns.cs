// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [CondAcquires(true, "_mu")]
    bool A(int x)
    {
        _mu.Lock();
        if (x == 0)
            return false; // KS1007
        return true;
    }

    [CondAcquires(true, "_mu")]
    int B(int x)
    {
        _mu.Lock();
        if (x == 0)
            return -1; // KS1007
        return 0;
    }
}
