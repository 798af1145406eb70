// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mm
{
    [AcquiredBefore("_pte")]
    readonly KMutex _mmap = new();
    readonly KMutex _pte = new();

    void A()
    {
        _pte.Lock();
        _mmap.AssertHeld();
        _pte.Unlock();
    }
}
