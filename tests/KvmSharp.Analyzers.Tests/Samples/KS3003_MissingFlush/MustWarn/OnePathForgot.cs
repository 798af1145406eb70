// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio, int x)
    {
        folio_lock(folio);
        set_direct_map_invalid_noflush(folio);
        if (x > 3)
            flush_tlb_folio(folio);
        folio_unlock(folio); // KS3003
    }
}
