// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int x)
    {
        Folio folio = folio_alloc();
        if (x > 3)
            folio_zap_direct_map(folio);
        folio_put(folio); // KS3004
    }

    void B(bool zap)
    {
        Folio folio = folio_alloc();
        if (zap)
            folio_zap_direct_map(folio);
        UseInt(1);
        if (zap)
            folio_restore_direct_map(folio);
        folio_put(folio);
    }
}
