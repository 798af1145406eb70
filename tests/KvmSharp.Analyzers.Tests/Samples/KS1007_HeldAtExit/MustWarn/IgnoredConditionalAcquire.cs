// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        _mu.TryLock();
    } // KS1007

    void B()
    {
        bool got = _mu.TryLock();
        UseInt(got ? 1 : 2);
    } // KS1007

    int C()
    {
        if (_mu.TryLock())
            return 1; // KS1007
        return 0;
    }
}
