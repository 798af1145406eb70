// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Folio folio = folio_alloc();
        set_direct_map_default_noflush(folio);
        folio_free(folio); // KS3003
    }

    void B()
    {
        Folio folio = folio_alloc();
        set_direct_map_default_noflush(folio);
        folio_put(folio); // KS3003
    }

    void C()
    {
        Folio folio = folio_alloc();
        set_direct_map_default_noflush(folio);
        flush_tlb_folio(folio);
        folio_put(folio);
    }
}
