// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/page-writeback.c, Linux 6.18.
namespace Linux;

internal static class PageWriteback
{
    /// <summary>For mappings without writeback: the bit is set for whoever asks, and nothing follows from it.</summary>
    internal static bool noop_dirty_folio(address_space? mapping, [BorrowsReference] folio folio) =>
        !folio_test_dirty(folio) && !folio_test_set_dirty(folio);

    /// <summary>Marks a folio dirty by the rules of its mapping; true if it was clean.</summary>
    internal static bool folio_mark_dirty([BorrowsReference] folio folio)
    {
        if (folio_mapping(folio) is { } mapping && mapping.a_ops.dirty_folio is { } dirty_folio)
            return dirty_folio(mapping, folio);
        return noop_dirty_folio(null, folio);
    }

    internal static bool set_page_dirty(page page) => folio_mark_dirty(page_folio(page));

    [MightSleep]
    internal static int set_page_dirty_lock(page page)
    {
        folio folio = page_folio(page);
        folio_lock(folio);
        bool ret = folio_mark_dirty(folio);
        folio_unlock(folio);
        return ret ? 1 : 0;
    }
}
