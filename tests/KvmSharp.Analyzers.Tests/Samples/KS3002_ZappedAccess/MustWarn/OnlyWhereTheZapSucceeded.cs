// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        int err = folio_zap_direct_map(folio);
        if (err != 0)
            folio_zero_range(folio, 0, 4096);
        else
            folio_zero_range(folio, 0, 4096); // KS3002
        folio_unlock(folio);
    }

    void B(Folio folio)
    {
        folio_lock(folio);
        if (folio_zap_direct_map(folio) == 0)
            Use(folio_address(folio)); // KS3002
        folio_unlock(folio);
    }
}
