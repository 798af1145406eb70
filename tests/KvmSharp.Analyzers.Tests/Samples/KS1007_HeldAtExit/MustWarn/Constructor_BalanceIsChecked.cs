// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    public Work()
    {
        _mu.Lock();
    } // KS1007

    public Work(int x)
    {
        _mu.Lock();
        _mu.Unlock();
    }

    public int Level
    {
        get
        {
            _mu.Lock();
            return 1; // KS1007
        }

        set
        {
            _mu.Lock();
            _mu.Unlock();
        }
    }
}
