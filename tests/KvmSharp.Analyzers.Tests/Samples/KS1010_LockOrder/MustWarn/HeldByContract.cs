// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mm
{
    [AcquiredBefore("_pte")]
    readonly KMutex _mmap = new();
    readonly KMutex _pte = new();

    [MustHold("_pte")]
    void A()
    {
        _mmap.Lock(); // KS1010
        _mmap.Unlock();
    }

    [Acquires("_mmap")]
    [ContextUnsafe("implementation")]
    void Take()
    {
    }

    [MustHold("_pte")]
    void B()
    {
        Take(); // KS1010
        _mmap.Unlock();
    }
}
