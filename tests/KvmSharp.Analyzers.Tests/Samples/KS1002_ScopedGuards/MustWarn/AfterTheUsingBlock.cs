// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        using (new MutexGuard(_mu))
        {
            _x = 1;
        }

        _x = 2; // KS1002
    }

    void B(bool early)
    {
        {
            using var guard = new MutexGuard(_mu);
            _x = 1;
            if (early)
                return;
        }

        _x = 2; // KS1002
    }

    void C()
    {
        var guard = new MutexGuard(_mu);
        _x = 1;
        guard.Dispose();
        _x = 2; // KS1002
    }
}
