// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        switch (x) // KS1009
        {
            case 1:
                _mu.Lock();
                break;
            case 2:
                break;
            default:
                _mu.Lock();
                break;
        }

        UseInt(1);
    }

    void B(int x)
    {
        switch (x)
        {
            case 1:
                _mu.Lock();
                break;
            default:
                UseInt(1);
                _mu.Lock();
                break;
        }

        _mu.Unlock();
    }
}
