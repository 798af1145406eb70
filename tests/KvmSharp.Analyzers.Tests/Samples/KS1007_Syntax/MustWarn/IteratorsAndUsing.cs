// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    readonly object _gate = new();

    IEnumerable<int> A()
    {
        lock (_gate)
        {
            yield return 1; // KS1007
        }
    }

    IEnumerable<int> B(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _mu.Lock();
            int value = Number();
            _mu.Unlock();
            yield return value;
        }
    }

    static IEnumerable<int> D()
    {
        yield break;
    }
}
