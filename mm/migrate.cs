// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/migrate.c, Linux 6.18.
namespace Linux;

internal static unsafe partial class Migrate
{
    /// <summary>
    /// Gives a locked folio of the page cache that nobody maps another place in memory. Both folios are locked; each has a reference of the caller.
    /// </summary>
    /// <returns>0; -EOPNOTSUPP where the kernel may not read the contents; -EAGAIN while somebody else holds the folio; what the owner says.</returns>
    [MustHold("dst", "src")]
    [MustCheck]
    [MightSleep]
    internal static int move_to_new_folio([BorrowsReference] folio dst, [BorrowsReference] folio src)
    {
        address_space? mapping = folio_mapping(src);
        if (mapping is null)
            return -EAGAIN;
        if (mapping_inaccessible(mapping))
            return -EOPNOTSUPP;
        return mapping.a_ops.migrate_folio is { } migrate ? migrate(mapping, dst, src) : migrate_folio(mapping, dst, src);
    }

    /// <summary>What owners without anything of their own in a folio use.</summary>
    [MustHold("dst", "src")]
    [MustCheck]
    [MightSleep]
    internal static int migrate_folio(address_space mapping, [BorrowsReference] folio dst, [BorrowsReference] folio src)
    {
        // The page cache's reference and the caller's; an entry or a pin is one more.
        const int expected_count = 2;
        if (mapping != folio_mapping(src) || folio_ref_count(src) != expected_count)
            return -EAGAIN;
        copy_highpage(dst.page, src.page);
        if (folio_test_uptodate(src))
            folio_mark_uptodate(dst);
        if (folio_test_dirty(src))
            folio_test_set_dirty(dst);
        if (folio_test_swapbacked(src))
            folio_set_swapbacked(dst);
        int rc = replace_page_cache_folio(src, dst);
        if (rc != 0)
            return rc;
        count_vm_event(vm_event_item.PGMIGRATE_SUCCESS);
        return 0;
    }
}
