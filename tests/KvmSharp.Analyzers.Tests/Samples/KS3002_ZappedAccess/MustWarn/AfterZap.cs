// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        folio_zap_direct_map(folio);
        Use(folio_address(folio)); // KS3002
        folio_unlock(folio);
    }

    void B(Folio folio)
    {
        folio_lock(folio);
        folio_zap_direct_map(folio);
        folio_zero_range(folio, 0, 4096); // KS3002
        folio_unlock(folio);
    }
}
