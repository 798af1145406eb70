// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Gate
{
    private readonly object _gate = new();
    private readonly ReaderWriterLockSlim _rw = new();
    private int _x;

    public int Leaves(int x)
    {
        Monitor.Enter(_gate);
        if (x == 0)
            return 0; // KS1007
        _x = x;
        Monitor.Exit(_gate);
        return 1;
    }

    public void WrongRelease()
    {
        _rw.EnterReadLock();
        _x++;
        _rw.ExitWriteLock(); // KS1006
    }

    public void Half(int x)
    {
        if (x > 3) // KS1009
            Monitor.Enter(_gate);
        _x++;
    }
}
