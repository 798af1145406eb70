// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio a, Folio b)
    {
        folio_lock(a);
        set_direct_map_invalid_noflush(a);
        flush_tlb_folio(b);
        folio_unlock(a); // KS3003
    }
}
