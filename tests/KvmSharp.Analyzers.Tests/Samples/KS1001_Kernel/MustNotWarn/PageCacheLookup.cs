// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mapping
{
    public readonly RwSem InvalidateLock = new();

    [AcquiredAfter("InvalidateLock")]
    public readonly Spin TreeLock = new();
    [GuardedBy("TreeLock")] public readonly Dictionary<int, Folio> Pages = new();
    [GuardedBy("InvalidateLock")] public long Size;

    [ReturnsReference]
    [ContextUnsafe("takes a count under the tree lock")]
    Folio? Lookup(int index) => null;

    public int Fault(int index)
    {
        int err = 0;
        InvalidateLock.DownRead();
        if (index >= Size)
        {
            err = -14;
            goto out_unlock;
        }

        Folio? folio = Lookup(index);
        if (folio is null)
        {
            err = -12;
            goto out_unlock;
        }

        folio_lock(folio);
        UseInt(folio.Index);
        folio_unlock(folio);
        folio_put(folio);
    out_unlock:
        InvalidateLock.UpRead();
        return err;
    }

    public void Remove(int index)
    {
        InvalidateLock.DownWrite();
        TreeLock.Lock();
        Pages.Remove(index);
        TreeLock.Unlock();
        Size = 0;
        InvalidateLock.UpWrite();
    }
}
