// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    SpinLock _spin = new(enableThreadOwnerTracking: false);
    [GuardedBy("_spin")] int _x;

    void A()
    {
        bool taken = false;
        try
        {
            _spin.Enter(ref taken);
            _x = 1;
        }
        finally
        {
            if (taken)
                _spin.Exit();
        }

        UseInt(_x); // KS1001
    }

    void B()
    {
        bool taken = false;
        _spin.TryEnter(ref taken);
        if (taken)
        {
            _x = 1;
            _spin.Exit(false);
        }
        else
        {
            UseInt(_x); // KS1001
        }
    }
}
