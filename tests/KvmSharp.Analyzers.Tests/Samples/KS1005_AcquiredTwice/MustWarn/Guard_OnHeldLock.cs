// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        using (new MutexGuard(_mu))
        {
            using (new MutexGuard(_mu)) // KS1005
            {
            }
        }
    }

    void B()
    {
        using var one = new MutexGuard(_mu);
        _mu.Lock(); // KS1005
    }
}
