// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    void A()
    {
        MutexGuard guard = new MutexGuard(_a);
        guard = new MutexGuard(_b); // KS1007
        guard.Dispose();
    }
}
