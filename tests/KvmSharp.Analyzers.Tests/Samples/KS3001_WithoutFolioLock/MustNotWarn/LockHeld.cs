// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_lock(folio);
        folio_zap_direct_map(folio);
        folio_unlock(folio);
    }

    [MustHold("folio")]
    void B(Folio folio)
    {
        folio_zap_direct_map(folio);
        folio_restore_direct_map(folio);
    }

    void C(Folio folio)
    {
        if (!folio_trylock(folio))
            return;
        folio_restore_direct_map(folio);
        folio_unlock(folio);
    }
}
