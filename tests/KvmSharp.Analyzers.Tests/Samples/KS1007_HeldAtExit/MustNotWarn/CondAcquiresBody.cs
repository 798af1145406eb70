// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [CondAcquires(true, "_mu")]
    bool A(int x)
    {
        if (x == 0)
            return false;
        _mu.Lock();
        return true;
    }

    [CondAcquires(true, "_mu")]
    bool B() => _mu.TryLock();

    [CondAcquires(true, "_mu")]
    bool C()
    {
        bool got = _mu.TryLock();
        return got;
    }

    [CondAcquires(false, "_mu")]
    bool D(int x)
    {
        if (x == 0)
            return true;
        _mu.Lock();
        return false;
    }

    [CondAcquires(true, "_mu")]
    int E(int x)
    {
        if (x == 0)
            return -22;
        _mu.Lock();
        return 0;
    }

    [CondAcquires(true, "_mu")]
    Work? F(int x)
    {
        if (x == 0)
            return null;
        _mu.Lock();
        return this;
    }

    [CondAcquires(true, "_mu")]
    bool G(int x)
    {
        _mu.Lock();
        bool ok = x > 3;
        if (!ok)
            _mu.Unlock();
        return ok;
    }
}
