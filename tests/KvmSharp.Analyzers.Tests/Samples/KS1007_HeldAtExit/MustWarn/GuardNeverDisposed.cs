// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        var guard = new MutexGuard(_mu);
        Use(null);
    } // KS1007

    void B()
    {
        var guard = new MutexGuard(_mu);
        guard.Dispose();
    }
}
