// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly object _gate = new();

    IEnumerable<int> A()
    {
        _mu.Lock();
        yield return 1; // KS1007
        _mu.Unlock();
        yield return 2;
    }

    IEnumerable<int> B()
    {
        lock (_gate)
        {
            UseInt(1);
        }

        yield return 1;
    }

    IEnumerable<int> C(bool stop)
    {
        _mu.Lock();
        if (stop)
            yield break; // KS1007
        _mu.Unlock();
    }
}
