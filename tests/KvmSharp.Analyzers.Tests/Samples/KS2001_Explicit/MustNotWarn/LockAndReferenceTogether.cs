// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A(int key)
    {
        Folio folio = folio_alloc();
        folio_lock(folio);
        int err = Number();
        if (err < 0)
            goto out_unlock;
        UseInt(folio.Index);
    out_unlock:
        folio_unlock(folio);
        folio_put(folio);
        return err;
    }
}
