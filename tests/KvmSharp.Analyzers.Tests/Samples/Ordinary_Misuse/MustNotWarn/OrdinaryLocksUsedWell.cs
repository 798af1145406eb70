// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Gate
{
    private readonly Mutex _mutex = new(false);
    private readonly SemaphoreSlim _slots = new(3);
    private readonly ReaderWriterLockSlim _rw = new();
    private SpinLock _spin = new(true);
    private int _x;

    public bool Enter(TimeSpan timeout) => _slots.Wait(timeout);

    public void Leave() => _slots.Release();

    public void Work()
    {
        if (!_mutex.WaitOne(1000))
            throw new TimeoutException();
        try
        {
            bool taken = false;
            try
            {
                _spin.Enter(ref taken);
                _x++;
            }
            finally
            {
                if (taken)
                    _spin.Exit();
            }
        }
        finally
        {
            _mutex.ReleaseMutex();
        }
    }

    public int Read()
    {
        _rw.EnterReadLock();
        int x = _x;
        _rw.ExitReadLock();
        return x;
    }
}
