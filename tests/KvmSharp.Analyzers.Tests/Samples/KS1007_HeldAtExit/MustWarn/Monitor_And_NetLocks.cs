// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    readonly Lock _lock = new();
    readonly SemaphoreSlim _one = new(1, 1);
    readonly ReaderWriterLockSlim _rw = new();
    readonly Mutex _mutex = new();

    void A() => Monitor.Enter(_gate); // KS1007

    void B() => _lock.Enter(); // KS1007

    void C() => _one.Wait(); // KS1007

    void D() => _rw.EnterReadLock(); // KS1007

    void E()
    {
        _mutex.WaitOne();
    } // KS1007

    void F(int x)
    {
        _rw.EnterWriteLock();
        if (x == 0)
            return; // KS1007
        _rw.ExitWriteLock();
    }
}
