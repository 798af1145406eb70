// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    Folio? _cache;

    void A()
    {
        Folio folio = folio_alloc();
        folio_zap_direct_map(folio);
        folio_get(folio);
        folio_put(folio);
        folio_restore_direct_map(folio);
        folio_put(folio);
    }

    void B()
    {
        Folio folio = folio_alloc();
        folio_zap_direct_map(folio);
        folio_get(folio);
        _cache = folio;
        folio_put(folio);
    }
}
