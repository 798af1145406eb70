// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _x;

    int A(int x)
    {
        if (x > 3)
            _sem.AssertRead();
        else
            _sem.AssertWrite();
        return _x;
    }
}
