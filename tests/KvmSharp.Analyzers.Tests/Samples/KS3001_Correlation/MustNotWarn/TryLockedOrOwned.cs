// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A(Folio folio, bool locked)
    {
        if (!locked)
            folio_lock(folio);
        else
            return 0;
        int err = folio_zap_direct_map(folio);
        if (err == 0)
            folio_restore_direct_map(folio);
        folio_unlock(folio);
        return err;
    }
}
