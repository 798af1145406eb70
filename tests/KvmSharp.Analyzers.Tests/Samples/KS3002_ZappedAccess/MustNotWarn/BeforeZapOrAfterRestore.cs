// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        folio_zero_range(folio, 0, 4096);
        folio_zap_direct_map(folio);
        folio_restore_direct_map(folio);
        Use(folio_address(folio));
        folio_unlock(folio);
    }

    void Other(Folio a, Folio b)
    {
        folio_lock(a);
        folio_zap_direct_map(a);
        folio_zero_range(b, 0, 4096);
        folio_unlock(a);
    }
}
