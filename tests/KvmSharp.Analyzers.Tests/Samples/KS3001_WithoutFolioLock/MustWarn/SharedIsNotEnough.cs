// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Grab", "Drop")]
[ContextLock]
class RwFolio
{
    public void Grab()
    {
    }

    public void Drop()
    {
    }

    [AcquiresShared("this")]
    public void LockShared()
    {
    }

    [ReleasesShared("this")]
    public void UnlockShared()
    {
    }
}

static class RwOps
{
    public static void folio_restore_direct_map(RwFolio folio)
    {
    }

    static void M(RwFolio folio)
    {
        folio.LockShared();
        folio_restore_direct_map(folio); // KS3001
        folio.UnlockShared();
    }
}
