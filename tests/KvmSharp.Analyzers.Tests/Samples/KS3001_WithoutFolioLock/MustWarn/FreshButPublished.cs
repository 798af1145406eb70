// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    Folio? _cache;

    void A()
    {
        Folio folio = folio_alloc();
        Publish(folio);
        folio_zap_direct_map(folio); // KS3001
        folio_put(folio);
    }

    void B()
    {
        Folio folio = folio_alloc();
        _cache = folio;
        folio_zap_direct_map(folio); // KS3001
    }
}
