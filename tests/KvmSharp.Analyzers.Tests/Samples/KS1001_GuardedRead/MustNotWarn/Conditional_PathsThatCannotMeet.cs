// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Paths
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    int Read(bool locked)
    {
        int x = 0;
        if (locked)
            _mu.Lock();
        if (locked)
        {
            x = _x;
            _mu.Unlock();
        }

        return x;
    }
}
