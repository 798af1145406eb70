// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mm
{
    [AcquiredBefore("_pte")]
    readonly KMutex _mmap = new();
    readonly KMutex _pte = new();

    [AcquiredBefore("_entry")]
    readonly object _table = new();
    readonly object _entry = new();

    void A()
    {
        _pte.Lock(); // keep: first
        _mmap.Lock(); // keep: second
        _mmap.Unlock();
        _pte.Unlock();
    }

    void B()
    {
        lock (_entry)
        {
            lock (_table)
            {
                UseInt(1);
            }
        }
    }

    void C()
    {
        lock (_entry)
            lock (_table)
                UseInt(1);
    }
}
// ==== fixed
class Mm
{
    [AcquiredBefore("_pte")]
    readonly KMutex _mmap = new();
    readonly KMutex _pte = new();

    [AcquiredBefore("_entry")]
    readonly object _table = new();
    readonly object _entry = new();

    void A()
    {
        _mmap.Lock(); // keep: first
        _pte.Lock(); // keep: second
        _mmap.Unlock();
        _pte.Unlock();
    }

    void B()
    {
        lock (_table)
        {
            lock (_entry)
            {
                UseInt(1);
            }
        }
    }

    void C()
    {
        lock (_table)
            lock (_entry)
                UseInt(1);
    }
}
