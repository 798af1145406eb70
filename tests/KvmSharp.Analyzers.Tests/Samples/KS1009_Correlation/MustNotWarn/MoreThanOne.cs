// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    void Two(bool first, bool second)
    {
        if (first)
            _a.Lock();
        if (second)
            _b.Lock();
        UseInt(1);
        if (second)
            _b.Unlock();
        if (first)
            _a.Unlock();
    }

    void FlagInLoop(int[] xs)
    {
        bool held = false;
        foreach (int x in xs)
        {
            if (x > 3 && !held)
            {
                _a.Lock();
                held = true;
            }

            if (x < 0 && held)
            {
                _a.Unlock();
                held = false;
            }
        }

        if (held)
            _a.Unlock();
    }

    int ErrorLabel(int x)
    {
        bool locked = false;
        int err = 0;
        if (x < 0)
        {
            err = -1;
            goto done;
        }

        _a.Lock();
        locked = true;
        if (x > 9)
            err = -2;
    done:
        if (locked)
            _a.Unlock();
        return err;
    }
}
