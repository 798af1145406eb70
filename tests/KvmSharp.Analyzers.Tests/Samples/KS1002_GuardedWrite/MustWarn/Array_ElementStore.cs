// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Buckets
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] readonly int[] _slots = new int[8];

    void A(int i) => _slots[i] = 1; // KS1002

    void B(int i)
    {
        _sem.DownRead();
        _slots[i]++; // KS1002
        _sem.UpRead();
    }

    void C(int i)
    {
        _sem.DownWrite();
        _slots[i]++;
        _slots[0] = _slots[1];
        _sem.UpWrite();
    }
}
