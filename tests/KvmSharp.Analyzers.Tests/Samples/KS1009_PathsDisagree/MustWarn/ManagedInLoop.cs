// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int n)
    {
        var guard = new MutexGuard(_mu);
        while (n-- > 0) // KS1009
        {
            UseInt(n);
            guard.Dispose();
        }
    }
}
