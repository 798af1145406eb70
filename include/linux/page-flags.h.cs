// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/page-flags.h, Linux 6.18.
namespace Linux;

/// <summary>Bit numbers in <c>folio.flags</c>. The upper bits hold the zone (see mmzone.h).</summary>
internal static unsafe class PageFlagsH
{
    internal const int PG_locked = 0;
    internal const int PG_writeback = 1;
    internal const int PG_referenced = 2;
    internal const int PG_uptodate = 3;
    internal const int PG_dirty = 4;
    internal const int PG_lru = 5;
    internal const int PG_head = 6;
    internal const int PG_waiters = 7;
    internal const int PG_active = 8;
    internal const int PG_workingset = 9;
    internal const int PG_owner_priv_1 = 10;
    internal const int PG_owner_2 = 11;

    /// <summary>Of an anonymous page.</summary>
    internal const int PG_anon_exclusive = PG_owner_2;
    internal const int PG_arch_1 = 12;
    internal const int PG_reserved = 13;
    internal const int PG_private = 14;
    internal const int PG_private_2 = 15;
    internal const int PG_reclaim = 16;
    internal const int PG_swapbacked = 17;
    internal const int PG_unevictable = 18;
    internal const int PG_mlocked = 19;
    internal const int PG_hwpoison = 20;

    // page_type values share their word with _mapcount, as in Linux: the top byte tells the type of a page that nobody maps.
    internal const int PGTY_buddy = unchecked((int)0xf0000000);
    internal const int PGTY_table = unchecked((int)0xf2000000);
    internal const int PGTY_slab = unchecked((int)0xf5000000);

    private const ulong PAGE_MAPPING_ANON = 1;
    private const ulong PAGE_MAPPING_FLAGS = 3;

    internal static bool folio_test_locked(folio folio) => Test(folio, PG_locked);

    /// <summary>Acquire: pairs with the release in <see cref="folio_mark_uptodate"/>; who sees the bit sees the contents.</summary>
    internal static bool folio_test_uptodate(folio folio) => (Volatile.Read(ref folio.Frame->flags) & (1UL << PG_uptodate)) != 0;

    /// <summary>Release: the contents are visible before the bit is.</summary>
    internal static void folio_mark_uptodate([BorrowsReference] folio folio) => Set(folio, PG_uptodate);

    internal static void folio_clear_uptodate(folio folio) => Clear(folio, PG_uptodate);

    internal static bool folio_test_dirty(folio folio) => Test(folio, PG_dirty);

    internal static bool folio_test_set_dirty(folio folio) => TestAndSet(folio, PG_dirty);

    internal static bool folio_test_clear_dirty(folio folio) => TestAndClear(folio, PG_dirty);

    internal static bool folio_test_waiters(folio folio) => Test(folio, PG_waiters);

    internal static bool folio_test_referenced(folio folio) => Test(folio, PG_referenced);

    internal static void folio_set_referenced(folio folio) => Set(folio, PG_referenced);

    internal static bool folio_test_private(folio folio) => Test(folio, PG_private);

    internal static void folio_set_private(folio folio) => Set(folio, PG_private);

    internal static void folio_clear_private(folio folio) => Clear(folio, PG_private);

    internal static bool folio_test_hwpoison(folio folio) => Test(folio, PG_hwpoison);

    internal static void folio_set_hwpoison(folio folio) => Set(folio, PG_hwpoison);

    internal static void folio_clear_hwpoison(folio folio) => Clear(folio, PG_hwpoison);

    internal static bool folio_test_large(folio folio) => Test(folio, PG_head);

    internal static bool folio_test_lru(folio folio) => Test(folio, PG_lru);

    internal static void folio_set_lru(folio folio) => Set(folio, PG_lru);

    internal static void folio_clear_lru(folio folio) => Clear(folio, PG_lru);

    internal static bool folio_test_active(folio folio) => Test(folio, PG_active);

    internal static void folio_set_active(folio folio) => Set(folio, PG_active);

    internal static void folio_clear_active(folio folio) => Clear(folio, PG_active);

    internal static bool folio_test_unevictable(folio folio) => Test(folio, PG_unevictable);

    internal static void folio_set_unevictable(folio folio) => Set(folio, PG_unevictable);

    internal static void folio_clear_unevictable(folio folio) => Clear(folio, PG_unevictable);

    internal static bool folio_test_mlocked(folio folio) => Test(folio, PG_mlocked);

    internal static void folio_set_mlocked(folio folio) => Set(folio, PG_mlocked);

    internal static void folio_clear_mlocked(folio folio) => Clear(folio, PG_mlocked);

    internal static bool folio_test_swapbacked(folio folio) => Test(folio, PG_swapbacked);

    internal static void folio_set_swapbacked(folio folio) => Set(folio, PG_swapbacked);

    internal static bool folio_test_reserved(folio folio) => Test(folio, PG_reserved);

    internal static bool folio_test_anon(folio folio) => (folio.Frame->mapping & PAGE_MAPPING_ANON) != 0;

    internal static bool folio_mapping_flags(folio folio) => (folio.Frame->mapping & PAGE_MAPPING_FLAGS) != 0;

    internal static bool PageBuddy(page page) => page.Frame->page_type == PGTY_buddy;

    internal static bool PageTable(page page) => page.Frame->page_type == PGTY_table;

    private static bool Test(folio folio, int bit) => (folio.Frame->flags & (1UL << bit)) != 0;

    private static void Set(folio folio, int bit) => Interlocked.Or(ref folio.Frame->flags, 1UL << bit);

    private static void Clear(folio folio, int bit) => Interlocked.And(ref folio.Frame->flags, ~(1UL << bit));

    private static bool TestAndSet(folio folio, int bit) => (Interlocked.Or(ref folio.Frame->flags, 1UL << bit) & (1UL << bit)) != 0;

    private static bool TestAndClear(folio folio, int bit) => (Interlocked.And(ref folio.Frame->flags, ~(1UL << bit)) & (1UL << bit)) != 0;
}
