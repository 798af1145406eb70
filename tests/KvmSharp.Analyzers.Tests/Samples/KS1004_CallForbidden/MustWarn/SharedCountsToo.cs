// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();

    [MustNotHold("_sem")]
    void Slow()
    {
    }

    void A()
    {
        _sem.DownRead();
        Slow(); // KS1004
        _sem.UpRead();
    }
}
