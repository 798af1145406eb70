// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A(Folio folio)
    {
        folio_lock(folio);
        int err = set_direct_map_invalid_noflush(folio);
        if (err != 0)
        {
            folio_unlock(folio);
            return err;
        }

        flush_tlb_folio(folio);
        folio_unlock(folio);
        return 0;
    }

    void B(Folio folio, bool hide)
    {
        folio_lock(folio);
        if (hide)
            set_direct_map_invalid_noflush(folio);
        UseInt(1);
        if (hide)
            flush_tlb_all();
        folio_unlock(folio);
    }
}
