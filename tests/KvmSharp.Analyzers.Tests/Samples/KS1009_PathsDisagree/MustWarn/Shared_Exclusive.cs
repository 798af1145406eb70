// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly RwSem _sem = new();

    void A(int x)
    {
        if (x > 3) // KS1009
            _sem.DownRead();
        else
            _sem.DownWrite();
        UseInt(1);
    }
}
