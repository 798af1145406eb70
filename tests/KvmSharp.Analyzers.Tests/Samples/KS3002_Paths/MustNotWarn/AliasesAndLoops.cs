// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(List<Folio> folios)
    {
        foreach (Folio folio in folios)
        {
            folio_lock(folio);
            folio_zero_range(folio, 0, 4096);
            folio_zap_direct_map(folio);
            folio_unlock(folio);
        }

        foreach (Folio folio in folios)
        {
            folio_lock(folio);
            folio_restore_direct_map(folio);
            folio_zero_range(folio, 0, 4096);
            folio_unlock(folio);
        }
    }
}
