// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _x;

    int A()
    {
        if (!_sem.TryDownRead())
            return -1;
        int x = _x;
        _sem.UpRead();
        return x;
    }

    void B()
    {
        bool write = _sem.TryDownWrite();
        if (write)
        {
            _x = 1;
            _sem.UpWrite();
        }
    }
}
