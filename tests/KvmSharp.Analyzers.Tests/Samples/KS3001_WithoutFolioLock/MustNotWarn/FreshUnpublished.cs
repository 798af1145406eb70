// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Folio folio = folio_alloc();
        folio_zap_direct_map(folio);
        folio_restore_direct_map(folio);
        folio_put(folio);
    }
}
