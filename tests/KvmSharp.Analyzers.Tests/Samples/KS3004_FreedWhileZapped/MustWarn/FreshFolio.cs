// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Folio folio = folio_alloc();
        folio_zap_direct_map(folio);
        folio_put(folio); // KS3004
    }

    void B()
    {
        Folio folio = folio_alloc();
        folio_zap_direct_map(folio);
        folio_free(folio); // KS3004
    }

    void C()
    {
        Folio folio = folio_alloc();
        folio_zap_direct_map(folio);
        folio_restore_direct_map(folio);
        folio_put(folio);
    }
}
