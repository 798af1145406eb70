// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        set_direct_map_invalid_noflush(folio);
        folio_unlock(folio); // KS3003
    }

    void B(Folio folio)
    {
        folio_lock(folio);
        set_direct_map_default_noflush(folio);
        folio_unlock(folio); // KS3003
    }
}
