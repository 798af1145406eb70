// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mm
{
    [AcquiredBefore("_pte", "_rmap")]
    readonly KMutex _mmap = new();
    readonly KMutex _pte = new();
    readonly KMutex _rmap = new();

    void A()
    {
        _mmap.Lock();
        _pte.Lock();
        _pte.Unlock();
        _rmap.Lock();
        _rmap.Unlock();
        _mmap.Unlock();
    }

    void B()
    {
        _pte.Lock();
        _rmap.Lock();
        _rmap.Unlock();
        _pte.Unlock();
        _mmap.Lock();
        _mmap.Unlock();
    }
}
