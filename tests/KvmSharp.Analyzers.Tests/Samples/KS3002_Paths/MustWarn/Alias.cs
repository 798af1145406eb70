// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        Folio same = folio;
        folio_lock(folio);
        folio_zap_direct_map(same);
        folio_zero_range(folio, 0, 4096); // KS3002
        folio_unlock(same);
    }

    void B(Folio folio)
    {
        folio_lock(folio);
        folio_zap_direct_map(folio);
        try
        {
            folio_zero_range(folio, 0, 8); // KS3002
        }
        finally
        {
            folio_unlock(folio);
        }
    }
}
