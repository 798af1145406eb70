// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void InLoop(int n)
    {
        for (int i = 0; i < n; i++)
        {
            using var guard = new MutexGuard(_mu);
            _x = i;
        }

        _x = 0; // KS1002
    }

    void InTry()
    {
        try
        {
            using var guard = new MutexGuard(_mu);
            UseInt(1);
        }
        finally
        {
            _x = 1; // KS1002
        }
    }

    int InSwitch(int n)
    {
        switch (n)
        {
            case 1:
                using (new MutexGuard(_mu))
                    return _x;
            default:
                return _x; // KS1001
        }
    }
}
