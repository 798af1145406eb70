// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Bell
{
    readonly KMutex _mu = new();
    EventHandler? _rung;

    public event EventHandler Rung
    {
        add
        {
            _mu.Lock();
            _rung += value;
        } // KS1007

        remove
        {
            _mu.Lock();
            _rung -= value;
            _mu.Unlock();
        }
    }

    public int this[int i]
    {
        get
        {
            _mu.Lock();
            return i; // KS1007
        }
    }

    public static Bell operator +(Bell a, Bell b)
    {
        a._mu.Lock();
        return a; // KS1007
    }
}
