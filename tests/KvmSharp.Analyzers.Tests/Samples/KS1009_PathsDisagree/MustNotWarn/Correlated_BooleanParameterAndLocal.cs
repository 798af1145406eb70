// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void Parameter(bool locked)
    {
        if (locked)
            _mu.Lock();
        UseInt(1);
        if (locked)
            _mu.Unlock();
    }

    void Negated(bool locked)
    {
        if (!locked)
            _mu.Lock();
        UseInt(1);
        if (!locked)
            _mu.Unlock();
    }

    void Local(int x)
    {
        bool taken = false;
        if (x > 3)
        {
            _mu.Lock();
            taken = true;
        }

        UseInt(1);
        if (taken)
            _mu.Unlock();
    }

    void ComputedLocal(int x)
    {
        bool need = x > 3;
        if (need)
            _mu.Lock();
        UseInt(1);
        if (need)
            _mu.Unlock();
    }
}
