// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mm
{
    [AcquiredBefore("_pte")]
    readonly RwSem _sem = new();

    [AcquiredBefore("_pte")]
    readonly KMutex _mu = new();
    readonly KMutex _pte = new();

    void Read()
    {
        _pte.Lock();
        _sem.DownRead(); // KS1010
        _sem.UpRead();
        _pte.Unlock();
    }

    void Try()
    {
        _pte.Lock();
        if (_mu.TryLock()) // KS1010
            _mu.Unlock();
        _pte.Unlock();
    }

    void Guarded()
    {
        _pte.Lock();
        using (new MutexGuard(_mu)) // KS1010
        {
        }

        _pte.Unlock();
    }
}
