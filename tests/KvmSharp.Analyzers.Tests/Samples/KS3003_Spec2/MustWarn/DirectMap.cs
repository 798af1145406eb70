// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Map
{
    int Zap(Folio f)
    {
        folio_lock(f);
        int err = folio_zap_direct_map(f);
        if (err != 0)
        {
            folio_unlock(f);
            return err;
        }

        folio_address(f); // KS3002
        folio_restore_direct_map(f);
        folio_address(f);
        folio_unlock(f);
        return 0;
    }

    void Unlocked(Folio f)
    {
        folio_restore_direct_map(f); // KS3001
    }

    void NoFlush(Folio f)
    {
        folio_lock(f);
        set_direct_map_default_noflush(f);
        folio_unlock(f); // KS3003
    }

    void Flushed(Folio f)
    {
        folio_lock(f);
        set_direct_map_default_noflush(f);
        flush_tlb_folio(f);
        folio_unlock(f);
        folio_lock(f);
        set_direct_map_default_noflush(f);
        flush_tlb_all();
        folio_unlock(f);
    }

    void Fresh()
    {
        Folio f = folio_alloc();
        folio_zap_direct_map(f);
        folio_free(f); // KS3004
    }

    void FreshRestored()
    {
        Folio f = folio_alloc();
        if (folio_zap_direct_map(f) != 0)
        {
            folio_free(f);
            return;
        }

        folio_restore_direct_map(f);
        folio_free(f);
    }

    void Published()
    {
        Folio f = folio_alloc();
        Publish(f);
        folio_zap_direct_map(f); // KS3001
        folio_restore_direct_map(f); // KS3001
        folio_put(f);
    }

    void SomePath(Folio f, bool b)
    {
        folio_lock(f);
        if (b)
            folio_zap_direct_map(f);
        folio_address(f); // KS3002
        folio_restore_direct_map(f);
        folio_unlock(f);
    }
}
