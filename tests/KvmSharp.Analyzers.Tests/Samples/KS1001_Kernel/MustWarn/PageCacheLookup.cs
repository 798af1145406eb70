// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mapping
{
    public readonly RwSem InvalidateLock = new();

    [AcquiredAfter("InvalidateLock")]
    public readonly Spin TreeLock = new();
    [GuardedBy("TreeLock")] public readonly Dictionary<int, Folio> Pages = new();
    [GuardedBy("InvalidateLock")] public long Size;

    public int Fault(int index)
    {
        if (index >= Size) // KS1001
            return -14;
        TreeLock.Lock();
        InvalidateLock.DownRead(); // KS1010
        Schedule(); // KS1011
        InvalidateLock.UpRead();
        TreeLock.Unlock();
        return Pages.Count; // KS1001
    }

    public void Truncate()
    {
        InvalidateLock.DownRead();
        Size = 0; // KS1002
        InvalidateLock.UpRead();
    }
}
