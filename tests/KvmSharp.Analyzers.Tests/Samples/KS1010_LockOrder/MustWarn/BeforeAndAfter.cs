// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mm
{
    [AcquiredBefore("_pte")]
    readonly KMutex _mmap = new();
    readonly KMutex _pte = new();

    [AcquiredAfter("_mmap")]
    readonly KMutex _rmap = new();

    void A()
    {
        _pte.Lock();
        _mmap.Lock(); // KS1010
        _mmap.Unlock();
        _pte.Unlock();
    }

    void B()
    {
        _rmap.Lock();
        _mmap.Lock(); // KS1010
        _mmap.Unlock();
        _rmap.Unlock();
    }
}
