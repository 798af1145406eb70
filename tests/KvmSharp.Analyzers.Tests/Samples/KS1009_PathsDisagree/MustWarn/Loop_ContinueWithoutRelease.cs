// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(IEnumerable<int> xs)
    {
        foreach (int x in xs) // KS1009
        {
            _mu.Lock();
            if (x == 0)
                continue;
            _mu.Unlock();
        }
    }
}
