// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        if (folio_trylock(folio))
        {
            folio_zap_direct_map(folio);
            folio_unlock(folio);
        }
        else
        {
            folio_zap_direct_map(folio); // KS3001
        }
    }
}
