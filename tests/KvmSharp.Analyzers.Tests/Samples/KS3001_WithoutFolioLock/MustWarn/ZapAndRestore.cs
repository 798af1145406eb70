// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_zap_direct_map(folio); // KS3001
    }

    void B(Folio folio)
    {
        folio_restore_direct_map(folio); // KS3001
    }

    void C(Folio folio)
    {
        folio_lock(folio);
        folio_zap_direct_map(folio);
        folio_unlock(folio);
        folio_restore_direct_map(folio); // KS3001
    }

    void D(Folio a, Folio b)
    {
        folio_lock(a);
        folio_zap_direct_map(b); // KS3001
        folio_unlock(a);
    }
}
