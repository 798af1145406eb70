// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Bell
{
    public static readonly KMutex Mu = new();

    public event Action Rung
    {
        [MustHold("Mu")]
        add { }
        remove { }
    }
}

class User
{
    void M(Bell bell, Action a)
    {
        bell.Rung += a; // KS1003
        bell.Rung -= a;
        Bell.Mu.Lock();
        bell.Rung += a;
        Bell.Mu.Unlock();
    }
}
