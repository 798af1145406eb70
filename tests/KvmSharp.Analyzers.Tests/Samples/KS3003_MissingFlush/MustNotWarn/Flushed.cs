// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        set_direct_map_invalid_noflush(folio);
        flush_tlb_folio(folio);
        folio_unlock(folio);
    }

    void B(Folio folio)
    {
        folio_lock(folio);
        set_direct_map_invalid_noflush(folio);
        flush_tlb_all();
        folio_unlock(folio);
    }

    void C(Folio folio)
    {
        folio_lock(folio);
        set_direct_map_default_noflush(folio);
        flush_tlb_kernel_range(folio);
        folio_unlock(folio);
    }

    void D(Folio folio)
    {
        folio_lock(folio);
        folio_zap_direct_map(folio);
        folio_unlock(folio);
    }

    void E(Folio folio)
    {
        folio_lock(folio);
        if (set_direct_map_invalid_noflush(folio) == 0)
            flush_tlb_folio(folio);
        folio_unlock(folio);
    }
}
