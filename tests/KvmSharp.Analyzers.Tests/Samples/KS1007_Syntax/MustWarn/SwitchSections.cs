// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    int A(int x)
    {
        _mu.Lock();
        switch (x)
        {
            case 1:
                return 1; // KS1007
            case 2:
                _mu.Unlock();
                return 2;
            case 3:
                goto case 2;
            default:
                break;
        }

        _mu.Unlock();
        return 0;
    }
}
