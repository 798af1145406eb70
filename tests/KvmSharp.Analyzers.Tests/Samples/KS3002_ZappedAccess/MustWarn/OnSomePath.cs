// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio, int x)
    {
        folio_lock(folio);
        if (x > 3)
            folio_zap_direct_map(folio);
        folio_zero_range(folio, 0, 4096); // KS3002
        folio_unlock(folio);
    }

    void B(Folio folio, bool zap)
    {
        folio_lock(folio);
        if (zap)
            folio_zap_direct_map(folio);
        if (!zap)
            folio_zero_range(folio, 0, 4096);
        folio_unlock(folio);
    }
}
