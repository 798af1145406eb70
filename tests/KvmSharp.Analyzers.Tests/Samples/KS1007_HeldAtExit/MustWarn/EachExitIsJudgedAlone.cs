// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    int A(int x)
    {
        _mu.Lock();
        if (x == 1)
            return 1; // KS1007
        if (x == 2)
        {
            _mu.Unlock();
            return 2;
        }

        if (x == 3)
            return 3; // KS1007
        _mu.Unlock();
        return 4;
    }
}
