// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        set_direct_map_invalid_noflush(folio);
        folio_unlock(folio); // keep: unlock
    }

    void B()
    {
        Folio folio = folio_alloc();
        set_direct_map_default_noflush(folio);
        folio_put(folio);
    }
}
// ==== fixed
class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        set_direct_map_invalid_noflush(folio);
        flush_tlb_folio(folio);
        folio_unlock(folio); // keep: unlock
    }

    void B()
    {
        Folio folio = folio_alloc();
        set_direct_map_default_noflush(folio);
        flush_tlb_folio(folio);
        folio_put(folio);
    }
}
