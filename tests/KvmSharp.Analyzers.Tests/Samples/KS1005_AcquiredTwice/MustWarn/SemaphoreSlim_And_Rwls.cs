// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly SemaphoreSlim _one = new(1, 1);
    readonly ReaderWriterLockSlim _rw = new();

    void A()
    {
        _one.Wait();
        _one.Wait(); // KS1005
        _one.Release();
    }

    void B()
    {
        _rw.EnterWriteLock();
        _rw.EnterWriteLock(); // KS1005
        _rw.ExitWriteLock();
    }

    void C()
    {
        _rw.EnterReadLock();
        _rw.EnterReadLock(); // KS1005
        _rw.ExitReadLock();
    }

    void D()
    {
        _rw.EnterReadLock();
        _rw.EnterWriteLock(); // KS1005
        _rw.ExitReadLock();
    }
}
