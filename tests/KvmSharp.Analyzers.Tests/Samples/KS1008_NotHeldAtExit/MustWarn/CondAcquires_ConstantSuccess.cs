// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [CondAcquires(true, "_mu")]
    bool A() => true; // KS1008

    [CondAcquires(true, "_mu")]
    int B(int x)
    {
        if (x == 0)
            return 0; // KS1008
        return -1;
    }

    [CondAcquires(false, "_mu")]
    bool C()
    {
        return false; // KS1008
    }

    [CondAcquires(true, "_mu")]
    object? D(int x)
    {
        if (x == 0)
            return null;
        _mu.Lock();
        return "x";
    }
}
