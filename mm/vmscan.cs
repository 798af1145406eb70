// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/vmscan.c, Linux 6.18.
namespace Linux;

internal static class Vmscan
{
    /// <summary>
    /// Takes a locked, clean folio out of the cache if only the caller and the cache reference it. True: the cache's references are gone
    /// and the caller's is the last.
    /// </summary>
    [MightSleep]
    [MustHold("folio")]
    internal static bool remove_mapping(address_space mapping, [BorrowsReference] folio folio)
    {
        if (!__remove_mapping(mapping, folio))
            return false;

        // Frozen on success: one reference comes back, for the caller to put.
        folio_ref_unfreeze(folio, 1);
        return true;
    }

    [MightSleep]
    [MustHold("folio")]
    private static bool __remove_mapping(address_space mapping, folio folio)
    {
        BUG_ON(!folio_test_locked(folio) || folio_mapping(folio) != mapping);
        spin_lock(mapping.host.i_lock);
        xa_lock_irq(mapping.i_pages);

        // Frozen first: nobody can get a reference between the look at the count and the removal.
        int refcount = 1 + (int)folio_nr_pages(folio);
        if (!folio_ref_freeze(folio, refcount))
            goto cannot_free;
        if (folio_test_dirty(folio))
        {
            folio_ref_unfreeze(folio, refcount);
            goto cannot_free;
        }

        __filemap_remove_folio(folio, 0);
        xa_unlock_irq(mapping.i_pages);
        spin_unlock(mapping.host.i_lock);
        Filemap.prep_remove_unmapped_folio(mapping, folio);
        mapping.a_ops.free_folio?.Invoke(folio);
        return true;

    cannot_free:
        xa_unlock_irq(mapping.i_pages);
        spin_unlock(mapping.host.i_lock);
        return false;
    }
}
