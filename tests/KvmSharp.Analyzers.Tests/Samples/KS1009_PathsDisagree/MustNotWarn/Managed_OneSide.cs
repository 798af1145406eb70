// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        MutexGuard? guard = null;
        if (x > 3)
            guard = new MutexGuard(_mu);
        UseInt(1);
        guard?.Dispose();
    }
}
