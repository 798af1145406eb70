// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Try
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void M()
    {
        if (_mu.TryLock())
        {
            _x = 1;
            _mu.Unlock();
        }
        else
        {
            _x = 2; // KS1002
        }
    }

    void N()
    {
        if (!_mu.TryLock())
        {
            _x = 1; // KS1002
            return;
        }

        _x = 2;
        _mu.Unlock();
    }
}
