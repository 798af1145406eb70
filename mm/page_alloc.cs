// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/page_alloc.c, Linux 6.18; names of allocation flags follow the unmapped allocation series.
using System.Numerics;

namespace Linux;

// The buddy allocator.
//
// Lock order:
//
//   per_cpu_pages.lock     one CPU's lists; trylock with preemption off by the owner, spinning by who drains it
//     zone.lock            irqs off; free lists, PageBuddy, pageblock types of free pages. A leaf: nothing sleeps or allocates under it
//
// A free page is in exactly one place: a chunk in the buddy system, a per-CPU list, or the hands of whoever is moving it. A page on a per-CPU list is
// neither PageBuddy nor referenced; it keeps its pageblock from being merged or claimed whole.
internal sealed partial record KernelConfig
{
    /// <summary>Boot parameter <c>init_on_alloc=</c>: every page is zeroed when it is handed out.</summary>
    internal bool init_on_alloc { get; init; }

    /// <summary>Boot parameter <c>init_on_free=</c>: every page is zeroed before it reaches a free list.</summary>
    internal bool init_on_free { get; init; }

    /// <summary>Whether allocations avoid mixing types within pageblocks even when that makes them fail (<c>vm.defrag_mode</c>).</summary>
    internal bool defrag_mode { get; init; }
}

internal static unsafe partial class PageAlloc
{
    private const int CONFIG_PCP_BATCH_SCALE_MAX = 5;
    private const int watermark_scale_factor = 10;
    private const int watermark_boost_factor = 15000;
    private const int MAX_RECLAIM_RETRIES = 16;

    private const ulong PAGE_FLAGS_CHECK_AT_FREE = (1UL << PG_lru) | (1UL << PG_locked) | (1UL << PG_private) | (1UL << PG_private_2) |
        (1UL << PG_writeback) | (1UL << PG_reserved) | (1UL << PG_active) | (1UL << PG_unevictable) | (1UL << PG_mlocked);

    private const ulong PAGE_FLAGS_CHECK_AT_PREP = (1UL << ZONES_PGSHIFT) - 1;

    private static ReadOnlySpan<int> sysctl_lowmem_reserve_ratio => [256, 256, 32];

    private static ReadOnlySpan<byte> fallbacks =>
    [
        MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE,
        MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE,
        MIGRATE_UNMOVABLE, MIGRATE_MOVABLE,
    ];

    /// <summary>How the last chunk of a request was found; a bulk refill goes on from there.</summary>
    private enum rmqueue_mode
    {
        RMQUEUE_NORMAL,
        RMQUEUE_CMA,
        RMQUEUE_CLAIM,
        RMQUEUE_STEAL,
    }

    [Flags]
    private enum fpi_t
    {
        FPI_NONE = 0,

        /// <summary>The chunk goes to the end of its list: it will rather merge than be used.</summary>
        FPI_TO_TAIL = 1 << 1,
    }

    // Pageblock bits. Updates compare and exchange one byte; readers take what they find.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int get_pfnblock_migratetype(Kernel kernel, ulong pfn)
    {
        int bits = Volatile.Read(ref kernel.pageblock_flags[pfn >> pageblock_order]);
        return (bits & (1 << (int)pageblock_bits.PB_migrate_isolate)) != 0 ? MIGRATE_ISOLATE : bits & MIGRATETYPE_MASK;
    }

    internal static int get_pfnblock_migratetype(page page, ulong pfn) => get_pfnblock_migratetype(page_kernel(page), pfn);

    internal static int get_pageblock_migratetype(page page) => get_pfnblock_migratetype(page, page_to_pfn(page));

    internal static bool get_pfnblock_bit(page page, ulong pfn, pageblock_bits pb_bit) =>
        (Volatile.Read(ref page_kernel(page).pageblock_flags[pfn >> pageblock_order]) & (1 << (int)pb_bit)) != 0;

    internal static void set_pfnblock_bit(page page, ulong pfn, pageblock_bits pb_bit) =>
        set_pfnblock_flags_mask(page_kernel(page), pfn, (byte)(1 << (int)pb_bit), (byte)(1 << (int)pb_bit));

    internal static void clear_pfnblock_bit(page page, ulong pfn, pageblock_bits pb_bit) =>
        set_pfnblock_flags_mask(page_kernel(page), pfn, 0, (byte)(1 << (int)pb_bit));

    private static void set_pfnblock_flags_mask(Kernel kernel, ulong pfn, byte flags, byte mask)
    {
        ref byte word = ref kernel.pageblock_flags[pfn >> pageblock_order];
        byte seen = Volatile.Read(ref word);
        while (true)
        {
            byte old = seen;
            seen = Interlocked.CompareExchange(ref word, (byte)((old & ~mask) | flags), old);
            if (seen == old)
                return;
        }
    }

    /// <summary>Sets the type of a block and leaves its other bits alone.</summary>
    internal static void set_pageblock_migratetype(page page, int migratetype)
    {
        Kernel kernel = page_kernel(page);
        if (kernel.page_group_by_mobility_disabled && migratetype < MIGRATE_PCPTYPES)
            migratetype = MIGRATE_UNMOVABLE;
        set_pfnblock_flags_mask(kernel, page_to_pfn(page), (byte)migratetype, MIGRATETYPE_AND_ISO_MASK);
    }

    /// <summary>First label of a block, at boot: every bit is written.</summary>
    internal static void init_pageblock_migratetype(page page, int migratetype)
    {
        Kernel kernel = page_kernel(page);
        if (kernel.page_group_by_mobility_disabled && migratetype < MIGRATE_PCPTYPES)
            migratetype = MIGRATE_UNMOVABLE;
        Volatile.Write(ref kernel.pageblock_flags[page_to_pfn(page) >> pageblock_order], (byte)migratetype);
    }

    // Watermarks and reserves.

    internal static void setup_per_zone_wmarks(Kernel kernel)
    {
        long lowmem_pages = 0;
        foreach (zone zone in kernel.node_zones)
            lowmem_pages += zone.managed_pages;
        long kbytes = (long)Math.Sqrt((double)lowmem_pages * 4 * 16);
        kernel.min_free_kbytes = Math.Clamp(kbytes, 128, 262144);
        long pages_min = kernel.min_free_kbytes >> (PAGE_SHIFT - 10);
        foreach (zone zone in kernel.node_zones)
        {
            long min = lowmem_pages == 0 ? 0 : (long)((Int128)pages_min * zone.managed_pages / lowmem_pages);
            long gap = Math.Max(min >> 2, zone.managed_pages * watermark_scale_factor / 10000);
            zone._watermark[(int)zone_watermarks.WMARK_MIN] = min;
            zone._watermark[(int)zone_watermarks.WMARK_LOW] = min + gap;
            zone._watermark[(int)zone_watermarks.WMARK_HIGH] = min + (2 * gap);
        }

        for (int i = 0; i < MAX_NR_ZONES; i++)
        {
            long above = 0;
            for (int j = i + 1; j < MAX_NR_ZONES; j++)
            {
                above += kernel.node_zones[j].managed_pages;
                kernel.node_zones[i].lowmem_reserve[j] = kernel.node_zones[i].managed_pages == 0 ? 0 : above / sysctl_lowmem_reserve_ratio[i];
            }
        }
    }

    internal static void zone_pcp_init(zone zone)
    {
        int batch = (int)Math.Min(zone.managed_pages >> 12, (256 << 10) / (long)PAGE_SIZE);
        batch = Math.Max(batch, 1);
        batch = (int)BitOperations.RoundUpToPowerOf2((uint)(batch + (batch / 2)) + 1) / 2;
        batch = Math.Max(batch - 1, 1);
        int cpus = zone.kernel.nr_cpu_ids;
        long high_min = Math.Max(low_wmark_pages(zone) / cpus, batch << 2);
        long high_max = Math.Max(zone.managed_pages / 8 / cpus, high_min);
        foreach (per_cpu_pages pcp in zone.per_cpu_pageset)
        {
            pcp.batch = batch;
            pcp.high_min = (int)Math.Min(high_min, int.MaxValue / 2);
            pcp.high_max = (int)Math.Min(high_max, int.MaxValue / 2);
            pcp.high = pcp.high_min;
        }
    }

    /// <summary>Free pages of the machine, those included whose initialisation is deferred.</summary>
    internal static long nr_free_pages(Kernel kernel)
    {
        long sum = 0;
        foreach (zone zone in kernel.node_zones)
            sum += zone_free_pages(zone);
        return sum;
    }

    /// <summary>Pages that the buddy system owns or has handed out.</summary>
    internal static long totalram_pages(Kernel kernel)
    {
        long sum = 0;
        foreach (zone zone in kernel.node_zones)
            sum += zone.managed_pages;
        return sum;
    }

    internal static bool zone_watermark_ok(zone z, int order, long mark, zone_type highest_zoneidx, uint alloc_flags) =>
        __zone_watermark_ok(z, order, mark, highest_zoneidx, alloc_flags, zone_free_pages(z));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool zone_watermark_fast(zone z, int order, long mark, zone_type highest_zoneidx, uint alloc_flags, gfp_t gfp_mask)
    {
        long free_pages = zone_free_pages(z);
        if (order == 0)
        {
            long usable = free_pages;
            if ((alloc_flags & ALLOC_RESERVES) == 0)
                usable -= Volatile.Read(ref z.nr_free_highatomic);
            if ((alloc_flags & ALLOC_CMA) == 0)
                usable -= Volatile.Read(ref z.nr_free_cma_pages);
            if (usable > mark + z.lowmem_reserve[(int)highest_zoneidx])
                return true;
        }

        if (__zone_watermark_ok(z, order, mark, highest_zoneidx, alloc_flags, free_pages))
            return true;

        // A boost is there to wake reclaim, not to fail small requests that may dig into reserves.
        if (order == 0 && (gfp_mask & __GFP_HIGH) != 0 && Volatile.Read(ref z.watermark_boost) != 0 && (alloc_flags & ALLOC_WMARK_MASK) == ALLOC_WMARK_MIN)
            return __zone_watermark_ok(z, order, z._watermark[(int)zone_watermarks.WMARK_MIN], highest_zoneidx, alloc_flags, free_pages);
        return false;
    }

    [ContextUnsafe("looks at free lists without the zone's lock, as in Linux: a stale answer costs a retry")]
    private static bool __zone_watermark_ok(zone z, int order, long mark, zone_type highest_zoneidx, uint alloc_flags, long free_pages)
    {
        long min = mark;
        free_pages -= (1L << order) - 1;
        if ((alloc_flags & ALLOC_RESERVES) == 0)
            free_pages -= Volatile.Read(ref z.nr_free_highatomic);
        if ((alloc_flags & ALLOC_CMA) == 0)
            free_pages -= Volatile.Read(ref z.nr_free_cma_pages);
        if ((alloc_flags & ALLOC_MIN_RESERVE) != 0)
        {
            min -= min / 2;
            if ((alloc_flags & ALLOC_HARDER) != 0)
                min -= min / 4;
        }

        if ((alloc_flags & ALLOC_OOM) != 0)
            min -= min / 2;
        if (free_pages <= min + z.lowmem_reserve[(int)highest_zoneidx])
            return false;

        // Deferred memory comes in chunks of the highest order.
        if (order == 0 || Volatile.Read(ref z.nr_deferred_pages) >= (long)MAX_ORDER_NR_PAGES)
            return true;
        for (int o = order; o < NR_PAGE_ORDERS; o++)
        {
            free_area* area = &z.free_area[o];
            if (Volatile.Read(ref area->nr_free) == 0)
                continue;
            for (int mt = 0; mt < MIGRATE_PCPTYPES; mt++)
            {
                if (!free_area_empty(area, mt))
                    return true;
            }

            if ((alloc_flags & ALLOC_CMA) != 0 && !free_area_empty(area, MIGRATE_CMA))
                return true;
            if ((alloc_flags & (ALLOC_HIGHATOMIC | ALLOC_OOM)) != 0 && !free_area_empty(area, MIGRATE_HIGHATOMIC))
                return true;
        }

        return false;
    }

    private static long zone_free_pages(zone z) => Volatile.Read(ref z.nr_free_pages) + Volatile.Read(ref z.nr_deferred_pages);

    // Free lists.

    [MustHold("zone.lock")]
    private static void account_freepages(zone zone, long nr_pages, int migratetype)
    {
        if (is_migrate_isolate(migratetype))
            return;
        zone.nr_free_pages += nr_pages;
        if (is_migrate_cma(migratetype))
            zone.nr_free_cma_pages += nr_pages;
        else if (is_migrate_highatomic(migratetype))
            zone.nr_free_highatomic += nr_pages;
    }

    [MustHold("zone.lock")]
    private static void __add_to_free_list(zone zone, PageFrame* page, int order, int migratetype, bool tail)
    {
        free_area* area = &zone.free_area[order];
        if (tail)
            PageList.AddTail(free_area.free_list(area, migratetype), page);
        else
            PageList.AddHead(free_area.free_list(area, migratetype), page);
        area->nr_free++;
        if (order >= pageblock_order && !is_migrate_isolate(migratetype))
            zone.nr_free_pages_blocks += 1L << order;
    }

    /// <summary>Moves a free chunk from the list of one type to that of another.</summary>
    [MustHold("zone.lock")]
    private static void move_to_free_list(zone zone, PageFrame* page, int order, int old_mt, int new_mt)
    {
        long nr_pages = 1L << order;
        PageList.Delete(page);
        PageList.AddTail(free_area.free_list(&zone.free_area[order], new_mt), page);
        account_freepages(zone, -nr_pages, old_mt);
        account_freepages(zone, nr_pages, new_mt);
        if (order >= pageblock_order && is_migrate_isolate(old_mt) != is_migrate_isolate(new_mt))
            zone.nr_free_pages_blocks += is_migrate_isolate(old_mt) ? nr_pages : -nr_pages;
    }

    [MustHold("zone.lock")]
    private static void __del_page_from_free_list(zone zone, PageFrame* page, int order, int migratetype)
    {
        PageList.Delete(page);
        page->page_type = -1;
        page->@private = 0;
        zone.free_area[order].nr_free--;
        if (order >= pageblock_order && !is_migrate_isolate(migratetype))
            zone.nr_free_pages_blocks -= 1L << order;
    }

    private static void set_buddy_order(zone zone, PageFrame* page, int order)
    {
        // The frame may be touched for the first time; frames behind it in the chunk stay as they are.
        page->flags = (ulong)zone.idx << ZONES_PGSHIFT;
        page->@private = (ulong)order;
        page->page_type = PGTY_buddy;
    }

    /// <summary>Whether the chunk would merge once more if the next higher buddy's neighbour came free: then it is better left alone.</summary>
    private static bool buddy_merge_likely(ulong pfn, ulong buddy_pfn, PageFrame* page, int order)
    {
        if (order >= MAX_PAGE_ORDER - 1)
            return false;
        ulong higher_page_pfn = buddy_pfn & pfn;
        page higher_page = new(page + ((long)higher_page_pfn - (long)pfn));
        return !find_buddy_page_pfn(higher_page, higher_page_pfn, order + 1, out _).IS_NULL && page_zonenum(higher_page) == page_zonenum(new page(page));
    }

    /// <summary>Puts a chunk into the buddy system and merges it with free neighbours as far as that goes.</summary>
    [MustHold("zone.lock")]
    private static void __free_one_page(zone zone, PageFrame* page, ulong pfn, int order, int migratetype, fpi_t fpi_flags)
    {
        ulong buddy_pfn = 0;
        ulong zonebits = (ulong)zone.idx << ZONES_PGSHIFT;
        page->flags = zonebits;
        account_freepages(zone, 1L << order, migratetype);
        while (order < MAX_PAGE_ORDER)
        {
            page buddy = find_buddy_page_pfn(new page(page), pfn, order, out buddy_pfn);
            if (buddy.IS_NULL)
                break;
            int buddy_mt = migratetype;
            if (order >= pageblock_order)
            {
                // Only here can the two belong to blocks of different types.
                buddy_mt = get_pfnblock_migratetype(zone.kernel, buddy_pfn);
                if (migratetype != buddy_mt && (!migratetype_is_mergeable(migratetype) || !migratetype_is_mergeable(buddy_mt)))
                    break;
            }

            __del_page_from_free_list(zone, buddy.Frame, order, buddy_mt);
            if (buddy_mt != migratetype)
            {
                // A later split must put both halves on the lists of this type.
                set_pageblock_migratetype(buddy, migratetype);
            }

            ulong combined_pfn = buddy_pfn & pfn;
            page += (long)combined_pfn - (long)pfn;
            pfn = combined_pfn;
            order++;
        }

        set_buddy_order(zone, page, order);
        bool to_tail = (fpi_flags & fpi_t.FPI_TO_TAIL) != 0 || buddy_merge_likely(pfn, buddy_pfn, page, order);
        __add_to_free_list(zone, page, order, migratetype, to_tail);
    }

    /// <summary>Frees a chunk pageblock by pageblock, each to the lists of its own type.</summary>
    [MustHold("zone.lock")]
    private static void split_large_buddy(zone zone, PageFrame* page, ulong pfn, int order, fpi_t fpi)
    {
        ulong end = pfn + (1UL << order);
        order = Math.Min(order, pageblock_order);
        do
        {
            __free_one_page(zone, page, pfn, order, get_pfnblock_migratetype(zone.kernel, pfn), fpi);
            pfn += 1UL << order;
            page += 1L << order;
        }
        while (pfn < end);
    }

    private static void free_one_page(zone zone, PageFrame* page, ulong pfn, int order, fpi_t fpi_flags)
    {
        spin_lock_irqsave(zone.@lock, out ulong flags);
        split_large_buddy(zone, page, pfn, order, fpi_flags);
        spin_unlock_irqrestore(zone.@lock, flags);
    }

    /// <summary>First appearance of a chunk in the buddy system.</summary>
    [MustHold("zone.lock")]
    internal static void __free_pages_core(zone zone, ulong pfn, int order) =>
        __free_one_page(zone, zone.kernel.vmemmap + pfn, pfn, order, get_pfnblock_migratetype(zone.kernel, pfn), fpi_t.FPI_TO_TAIL);

    /// <summary>Splits a chunk of order <paramref name="high"/> and frees all but its first part of order <paramref name="low"/>.</summary>
    [MustHold("zone.lock")]
    private static long expand(zone zone, PageFrame* page, int low, int high, int migratetype)
    {
        long size = 1L << high, nr_added = 0;
        while (high > low)
        {
            high--;
            size >>= 1;
            set_buddy_order(zone, &page[size], high);
            __add_to_free_list(zone, &page[size], high, migratetype, false);
            nr_added += size;
        }

        return nr_added;
    }

    [MustHold("zone.lock")]
    private static void page_del_and_expand(zone zone, PageFrame* page, int low, int high, int migratetype)
    {
        long nr_pages = 1L << high;
        __del_page_from_free_list(zone, page, high, migratetype);
        nr_pages -= expand(zone, page, low, high, migratetype);
        account_freepages(zone, -nr_pages, migratetype);
    }

    /// <summary>The smallest chunk of the exact type that is large enough.</summary>
    [MustHold("zone.lock")]
    private static PageFrame* __rmqueue_smallest(zone zone, int order, int migratetype)
    {
        for (int current_order = order; current_order < NR_PAGE_ORDERS; current_order++)
        {
            PageFrame* page = PageList.FirstOrNull(free_area.free_list(&zone.free_area[current_order], migratetype));
            if (page == null)
                continue;
            page_del_and_expand(zone, page, order, current_order, migratetype);
            return page;
        }

        return null;
    }

    private static void change_pageblock_range(PageFrame* pageblock_page, int start_order, int migratetype)
    {
        for (int nr = 1 << (start_order - pageblock_order); nr > 0; nr--)
        {
            set_pageblock_migratetype(new page(pageblock_page), migratetype);
            pageblock_page += pageblock_nr_pages;
        }
    }

    /// <summary>Whether the pageblock is wholly in the zone; counts its free pages, and those in use that could be moved.</summary>
    [MustHold("zone.lock")]
    private static bool prep_move_freepages_block(zone zone, PageFrame* page, out ulong start_pfn, out int num_free, out int num_movable)
    {
        ulong pfn = page_to_pfn(new page(page));
        start_pfn = pageblock_start_pfn(pfn);
        ulong end_pfn = pageblock_end_pfn(pfn);
        num_free = 0;
        num_movable = 0;
        if (pageblock_pfn_to_page(start_pfn, end_pfn, zone).IS_NULL)
            return false;
        for (pfn = start_pfn; pfn < end_pfn;)
        {
            PageFrame* frame = zone.kernel.vmemmap + pfn;
            if (PageBuddy(new page(frame)))
            {
                int nr = 1 << buddy_order(new page(frame));
                num_free += nr;
                pfn += (ulong)nr;
                continue;
            }

            if (folio_test_lru(new folio(frame)))
                num_movable++;
            pfn++;
        }

        return true;
    }

    [MustHold("zone.lock")]
    private static int __move_freepages_block(zone zone, ulong start_pfn, int old_mt, int new_mt)
    {
        int pages_moved = 0;
        ulong end_pfn = pageblock_end_pfn(start_pfn);
        for (ulong pfn = start_pfn; pfn < end_pfn;)
        {
            PageFrame* frame = zone.kernel.vmemmap + pfn;
            if (!PageBuddy(new page(frame)))
            {
                pfn++;
                continue;
            }

            int order = buddy_order(new page(frame));
            move_to_free_list(zone, frame, order, old_mt, new_mt);
            pfn += 1UL << order;
            pages_moved += 1 << order;
        }

        return pages_moved;
    }

    /// <summary>Relabels a pageblock and moves its free chunks; -1 if the zone does not own all of it.</summary>
    [MustHold("zone.lock")]
    private static int move_freepages_block(zone zone, PageFrame* page, int old_mt, int new_mt)
    {
        if (!prep_move_freepages_block(zone, page, out ulong start_pfn, out _, out _))
            return -1;
        int res = __move_freepages_block(zone, start_pfn, old_mt, new_mt);
        set_pageblock_migratetype(pfn_to_page(zone.kernel, start_pfn), new_mt);
        return res;
    }

    /// <summary>Raises the watermarks for a while, so that reclaim makes room before types mix again.</summary>
    [MustHold("zone.lock")]
    private static bool boost_watermark(zone zone)
    {
        // On small zones the boost would be most of the memory.
        if ((long)pageblock_nr_pages * 4 > zone.managed_pages)
            return false;
        long max_boost = (long)((Int128)zone._watermark[(int)zone_watermarks.WMARK_HIGH] * watermark_boost_factor / 10000);
        if (max_boost == 0)
            return false;
        max_boost = Math.Max((long)pageblock_nr_pages, max_boost);
        zone.watermark_boost = Math.Min(zone.watermark_boost + (long)pageblock_nr_pages, max_boost);
        return true;
    }

    /// <summary>Whether taking a chunk of this order from another type should take its whole pageblock along.</summary>
    private static bool should_try_claim(Kernel kernel, int order, int start_mt) =>
        order >= pageblock_order || order >= pageblock_order / 2 || start_mt == MIGRATE_RECLAIMABLE || start_mt == MIGRATE_UNMOVABLE ||
        kernel.page_group_by_mobility_disabled;

    /// <summary>The first type with a free chunk in the area that the wanted type may fall back to.</summary>
    [MustHold("zone.lock")]
    internal static fallback_result find_suitable_fallback(zone zone, free_area* area, int order, int migratetype, bool claimable, out int mt_out)
    {
        mt_out = -1;
        if (claimable && !should_try_claim(zone.kernel, order, migratetype))
            return fallback_result.FALLBACK_NOCLAIM;
        if (area->nr_free == 0)
            return fallback_result.FALLBACK_EMPTY;
        for (int i = 0; i < MIGRATE_PCPTYPES - 1; i++)
        {
            int fallback_mt = fallbacks[(migratetype * (MIGRATE_PCPTYPES - 1)) + i];
            if (!free_area_empty(area, fallback_mt))
            {
                mt_out = fallback_mt;
                return fallback_result.FALLBACK_FOUND;
            }
        }

        return fallback_result.FALLBACK_EMPTY;
    }

    /// <summary>
    /// Takes over the pageblock of a chunk if enough of it is free or compatible, and allocates from it; null if it stays with its type.
    /// </summary>
    [MustHold("zone.lock")]
    private static PageFrame* try_to_claim_block(zone zone, PageFrame* page, int current_order, int order, int start_type, int block_type, uint alloc_flags)
    {
        if (current_order >= pageblock_order)
        {
            __del_page_from_free_list(zone, page, current_order, block_type);
            change_pageblock_range(page, current_order, start_type);
            long nr_added = expand(zone, page, order, current_order, start_type);
            account_freepages(zone, -(1L << current_order), block_type);
            account_freepages(zone, nr_added, start_type);
            return page;
        }

        if (boost_watermark(zone) && (alloc_flags & ALLOC_KSWAPD) != 0)
            Interlocked.Or(ref Unsafe.As<zone_flags, int>(ref zone.flags), (int)zone_flags.ZONE_BOOSTED_WATERMARK);
        if (!prep_move_freepages_block(zone, page, out ulong start_pfn, out int free_pages, out int movable_pages))
            return null;
        int alike_pages;
        if (start_type == MIGRATE_MOVABLE)
            alike_pages = movable_pages;
        else if (block_type == MIGRATE_MOVABLE)
            alike_pages = (int)pageblock_nr_pages - (free_pages + movable_pages);
        else
            alike_pages = 0;
        if (free_pages + alike_pages < 1 << (pageblock_order - 1) && !zone.kernel.page_group_by_mobility_disabled)
            return null;
        __move_freepages_block(zone, start_pfn, block_type, start_type);
        set_pageblock_migratetype(pfn_to_page(zone.kernel, start_pfn), start_type);
        return __rmqueue_smallest(zone, order, start_type);
    }

    /// <summary>Largest chunks first: claiming a large one disturbs other types least.</summary>
    [MustHold("zone.lock")]
    private static PageFrame* __rmqueue_claim(zone zone, int order, int start_migratetype, uint alloc_flags)
    {
        int min_order = order < pageblock_order && (alloc_flags & ALLOC_NOFRAGMENT) != 0 ? pageblock_order : order;
        for (int current_order = MAX_PAGE_ORDER; current_order >= min_order; current_order--)
        {
            free_area* area = &zone.free_area[current_order];
            fallback_result result = find_suitable_fallback(zone, area, current_order, start_migratetype, true, out int fallback_mt);
            if (result == fallback_result.FALLBACK_EMPTY)
                continue;
            if (result == fallback_result.FALLBACK_NOCLAIM)
                break;
            PageFrame* page = PageList.First(free_area.free_list(area, fallback_mt));
            page = try_to_claim_block(zone, page, current_order, order, start_migratetype, fallback_mt, alloc_flags);
            if (page != null)
                return page;
        }

        return null;
    }

    /// <summary>Smallest chunks first: a stolen chunk leaves its pageblock mixed.</summary>
    [MustHold("zone.lock")]
    private static PageFrame* __rmqueue_steal(zone zone, int order, int start_migratetype)
    {
        for (int current_order = order; current_order < NR_PAGE_ORDERS; current_order++)
        {
            free_area* area = &zone.free_area[current_order];
            if (find_suitable_fallback(zone, area, current_order, start_migratetype, false, out int fallback_mt) != fallback_result.FALLBACK_FOUND)
                continue;
            PageFrame* page = PageList.First(free_area.free_list(area, fallback_mt));
            page_del_and_expand(zone, page, order, current_order, fallback_mt);
            return page;
        }

        return null;
    }

    [MustHold("zone.lock")]
    private static PageFrame* __rmqueue(zone zone, int order, int migratetype, uint alloc_flags, ref rmqueue_mode mode)
    {
        PageFrame* page;

        // Movable memory is spread over CMA and ordinary blocks when CMA holds more than its share of what is free.
        if ((alloc_flags & ALLOC_CMA) != 0 && zone.nr_free_cma_pages > zone.nr_free_pages / 2)
        {
            page = __rmqueue_smallest(zone, order, MIGRATE_CMA);
            if (page != null)
                return page;
        }

        switch (mode)
        {
            case rmqueue_mode.RMQUEUE_NORMAL:
                page = __rmqueue_smallest(zone, order, migratetype);
                if (page != null)
                    return page;
                goto case rmqueue_mode.RMQUEUE_CMA;
            case rmqueue_mode.RMQUEUE_CMA:
                if ((alloc_flags & ALLOC_CMA) != 0)
                {
                    page = __rmqueue_smallest(zone, order, MIGRATE_CMA);
                    if (page != null)
                    {
                        mode = rmqueue_mode.RMQUEUE_CMA;
                        return page;
                    }
                }

                goto case rmqueue_mode.RMQUEUE_CLAIM;
            case rmqueue_mode.RMQUEUE_CLAIM:
                page = __rmqueue_claim(zone, order, migratetype, alloc_flags);
                if (page != null)
                {
                    // The lists of the wanted type have something again.
                    mode = rmqueue_mode.RMQUEUE_NORMAL;
                    return page;
                }

                goto case rmqueue_mode.RMQUEUE_STEAL;
            case rmqueue_mode.RMQUEUE_STEAL:
                if ((alloc_flags & ALLOC_NOFRAGMENT) == 0)
                {
                    page = __rmqueue_steal(zone, order, migratetype);
                    if (page != null)
                    {
                        mode = rmqueue_mode.RMQUEUE_STEAL;
                        return page;
                    }
                }

                return null;
            default:
                BUG();
                return null;
        }
    }

    /// <summary>Fills a per-CPU list under one hold of the zone's lock; stops at the first chunk that cannot be had.</summary>
    [MustHold("pcp.lock")]
    private static int rmqueue_bulk(zone zone, per_cpu_pages pcp, int order, int count, PageList* list, int migratetype, uint alloc_flags)
    {
        rmqueue_mode rmqm = rmqueue_mode.RMQUEUE_NORMAL;
        int i;
        ulong flags;
        if ((alloc_flags & ALLOC_NOLOCK) != 0)
        {
            if (!spin_trylock_irqsave(zone.@lock, out flags))
                return 0;
        }
        else
        {
            spin_lock_irqsave(zone.@lock, out flags);
        }

        for (i = 0; i < count; i++)
        {
            PageFrame* page = __rmqueue(zone, order, migratetype, alloc_flags, ref rmqm);
            if (page == null)
                break;
            PageList.AddTail(list, page);
        }

        spin_unlock_irqrestore(zone.@lock, flags);
        return i;
    }

    /// <summary>Gives chunks from the tails of per-CPU lists back, round-robin; each goes to the type that its pageblock has now.</summary>
    [MustHold("pcp.lock")]
    private static void free_pcppages_bulk(zone zone, int count, per_cpu_pages pcp, int pindex)
    {
        count = Math.Min(pcp.count, count);

        // Start behind the list that was added to last, to spare what is hot.
        pindex--;
        spin_lock_irqsave(zone.@lock, out ulong flags);
        while (count > 0)
        {
            PageList* list;
            do
            {
                if (++pindex > NR_PCP_LISTS - 1)
                    pindex = 0;
                list = &pcp.lists[pindex];
            }
            while (PageList.IsEmpty(list));

            int order = pindex_to_order(pindex);
            int nr_pages = 1 << order;
            do
            {
                PageFrame* page = PageList.Last(list);
                ulong pfn = page_to_pfn(new page(page));
                PageList.Delete(page);
                count -= nr_pages;
                pcp.count -= nr_pages;
                __free_one_page(zone, page, pfn, order, get_pfnblock_migratetype(zone.kernel, pfn), fpi_t.FPI_NONE);
            }
            while (count > 0 && !PageList.IsEmpty(list));
        }

        spin_unlock_irqrestore(zone.@lock, flags);
    }

    // Per-CPU lists.

    internal static int order_to_pindex(int migratetype, int order)
    {
        if (order > PAGE_ALLOC_COSTLY_ORDER)
        {
            // Huge pages: one list for movable memory, one for the rest.
            return NR_LOWORDER_PCP_LISTS + (migratetype == MIGRATE_MOVABLE ? 1 : 0);
        }

        return (MIGRATE_PCPTYPES * order) + migratetype;
    }

    internal static int pindex_to_order(int pindex) => pindex >= NR_LOWORDER_PCP_LISTS ? HPAGE_PMD_ORDER : pindex / MIGRATE_PCPTYPES;

    internal static bool pcp_allowed_order(int order) => order <= PAGE_ALLOC_COSTLY_ORDER || order == HPAGE_PMD_ORDER;

    [MustHold("pcp.lock")]
    private static int nr_pcp_alloc(per_cpu_pages pcp, int order)
    {
        int base_batch = pcp.batch;
        if (pcp.high < base_batch)
            return 1;
        int batch = base_batch;
        if (order == 0)
        {
            // Each refill that follows another without frees in between doubles the batch.
            batch = base_batch << pcp.alloc_factor;
            int max_nr_alloc = Math.Max(pcp.high - pcp.count - base_batch, base_batch);
            if (batch <= max_nr_alloc && pcp.alloc_factor < CONFIG_PCP_BATCH_SCALE_MAX)
                pcp.alloc_factor++;
            batch = Math.Min(batch, max_nr_alloc);
        }

        return batch > 1 ? Math.Max(batch >> order, 2) : batch;
    }

    [MustHold("pcp.lock")]
    private static int nr_pcp_free(per_cpu_pages pcp, int batch, int high, bool free_high)
    {
        if (free_high)
            return Math.Min(pcp.count, batch << CONFIG_PCP_BATCH_SCALE_MAX);
        if (high < batch)
            return 1;
        int max_nr_free = high - batch;
        return Math.Clamp(pcp.free_count, Math.Min(batch, max_nr_free), Math.Max(batch, max_nr_free));
    }

    [MustHold("pcp.lock")]
    private static PageFrame* __rmqueue_pcplist(zone zone, int order, int migratetype, uint alloc_flags, per_cpu_pages pcp, PageList* list)
    {
        PageFrame* page;
        do
        {
            if (PageList.IsEmpty(list))
            {
                int batch = nr_pcp_alloc(pcp, order);
                int alloced = rmqueue_bulk(zone, pcp, order, batch, list, migratetype, alloc_flags);
                pcp.count += alloced << order;
                if (alloced == 0)
                    return null;
            }

            page = PageList.First(list);
            PageList.Delete(page);
            pcp.count -= 1 << order;
        }
        while (check_new_pages(zone, page, order));
        return page;
    }

    private static PageFrame* rmqueue_pcplist(task_struct task, zone zone, int order, int migratetype, uint alloc_flags)
    {
        per_cpu_pages pcp = pcp_spin_trylock(task, zone);
        if (pcp is null)
            return null;
        pcp.free_count >>= 1;
        PageFrame* page = __rmqueue_pcplist(zone, order, migratetype, alloc_flags, pcp, &pcp.lists[order_to_pindex(migratetype, order)]);
        pcp_spin_unlock(task, pcp);
        return page;
    }

    private static PageFrame* rmqueue_buddy(zone zone, int order, uint alloc_flags, int migratetype)
    {
        PageFrame* page;
        do
        {
            page = null;
            ulong flags;
            if ((alloc_flags & ALLOC_NOLOCK) != 0)
            {
                if (!spin_trylock_irqsave(zone.@lock, out flags))
                    return null;
            }
            else
            {
                spin_lock_irqsave(zone.@lock, out flags);
            }

            if ((alloc_flags & ALLOC_HIGHATOMIC) != 0)
                page = __rmqueue_smallest(zone, order, MIGRATE_HIGHATOMIC);
            if (page == null)
            {
                rmqueue_mode rmqm = rmqueue_mode.RMQUEUE_NORMAL;
                page = __rmqueue(zone, order, migratetype, alloc_flags, ref rmqm);

                // Failing now is worse than failing a large atomic request later.
                if (page == null && (alloc_flags & (ALLOC_OOM | ALLOC_HARDER)) != 0)
                    page = __rmqueue_smallest(zone, order, MIGRATE_HIGHATOMIC);
            }

            spin_unlock_irqrestore(zone.@lock, flags);
            if (page == null)
                return null;
        }
        while (check_new_pages(zone, page, order));
        return page;
    }

    private static PageFrame* rmqueue(task_struct task, zone zone, int order, gfp_t gfp_flags, uint alloc_flags, int migratetype)
    {
        PageFrame* page = null;
        if (pcp_allowed_order(order))
            page = rmqueue_pcplist(task, zone, order, migratetype, alloc_flags);
        if (page == null)
            page = rmqueue_buddy(zone, order, alloc_flags, migratetype);
        if ((alloc_flags & ALLOC_KSWAPD) != 0 && (zone.flags & zone_flags.ZONE_BOOSTED_WATERMARK) != 0)
        {
            Interlocked.And(ref Unsafe.As<zone_flags, int>(ref zone.flags), ~(int)zone_flags.ZONE_BOOSTED_WATERMARK);
            wakeup_kswapd(zone);
        }

        return page;
    }

    /// <summary>
    /// What kswapd does for a boosted zone, at once: no memory here can be reclaimed, so its round ends with the boost taken back.
    /// </summary>
    private static void wakeup_kswapd(zone zone)
    {
        spin_lock_irqsave(zone.@lock, out ulong flags);
        zone.watermark_boost = 0;
        spin_unlock_irqrestore(zone.@lock, flags);
    }

    [CondAcquires(true, "return.lock")]
    [ContextUnsafe("the lock is a member of the result")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static per_cpu_pages pcp_spin_trylock(task_struct task, zone zone)
    {
        // Preemption stays off until the unlock, so that the lists remain those of this CPU.
        task.preempt_count += PREEMPT_OFFSET;
        per_cpu_pages pcp = zone.per_cpu_pageset[task.rq.cpu];
        if (spin_trylock(pcp.@lock))
            return pcp;
        task.preempt_count -= PREEMPT_OFFSET;
        return null!;
    }

    [Releases("pcp.lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void pcp_spin_unlock(task_struct task, per_cpu_pages pcp)
    {
        spin_unlock(pcp.@lock);
        task.preempt_count -= PREEMPT_OFFSET;
    }

    /// <summary>Empties one CPU's lists of a zone, from whatever CPU.</summary>
    private static void drain_pages_zone(int cpu, zone zone)
    {
        per_cpu_pages pcp = zone.per_cpu_pageset[cpu];
        int count;
        do
        {
            spin_lock(pcp.@lock);
            count = pcp.count;
            if (count != 0)
            {
                int to_drain = Math.Min(count, pcp.batch << CONFIG_PCP_BATCH_SCALE_MAX);
                free_pcppages_bulk(zone, to_drain, pcp, 0);
                count -= to_drain;
            }

            spin_unlock(pcp.@lock);
        }
        while (count != 0);
    }

    internal static void drain_local_pages(Kernel kernel)
    {
        int cpu = smp_processor_id();
        foreach (zone zone in kernel.node_zones)
            drain_pages_zone(cpu, zone);
    }

    internal static void drain_all_pages(Kernel kernel)
    {
        foreach (zone zone in kernel.node_zones)
        {
            for (int cpu = 0; cpu < kernel.nr_cpu_ids; cpu++)
                drain_pages_zone(cpu, zone);
        }
    }

    // State of pages that come and go.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool page_expected_state(PageFrame* page, ulong check_flags) =>
        page->_mapcount == -1 && page->mapping == 0 && page->_refcount == 0 && (page->flags & check_flags) == 0;

    private static string page_bad_reason(PageFrame* page, ulong check_flags)
    {
        if (page->_mapcount != -1)
            return "nonzero mapcount";
        if (page->mapping != 0)
            return "non-NULL mapping";
        return page->_refcount != 0 ? "nonzero _refcount" : $"PAGE_FLAGS_CHECK_AT_{(check_flags == PAGE_FLAGS_CHECK_AT_FREE ? "FREE" : "PREP")} flag(s) set";
    }

    /// <summary>Reports a page whose state contradicts where it is. It is leaked on purpose: nobody knows who else uses it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void bad_page(PageFrame* page, string reason)
    {
        task_struct task = current;
        task.kernel.AddWarning(KernelOops.Compose(
            $"BUG: Bad page state in process {task.comm} pfn:{page_to_pfn(new page(page)):x5}: {reason}, refcount:{page->_refcount} " +
            $"mapcount:{page->_mapcount + 1} mapping:{page->mapping:x} index:{page->index:x} flags:{page->flags:x}", task, Environment.StackTrace));
    }

    /// <summary>True if a page of the chunk is not as a free page must be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool check_new_pages(zone zone, PageFrame* page, int order)
    {
        PageFrame* end = page + (1L << order);
        for (; page < end; page++)
        {
            // Frames behind the first of a deferred chunk are untouched until now.
            if (!page_expected_state(page, PAGE_FLAGS_CHECK_AT_PREP) && !(page->flags == 0 && page->_mapcount == 0 && page->_refcount == 0))
            {
                bad_page(page, page_bad_reason(page, PAGE_FLAGS_CHECK_AT_PREP));
                return true;
            }
        }

        return false;
    }

    /// <summary>Everything that makes a chunk from the buddy system a frozen allocation: initialised frames, zeroes, compound links.</summary>
    private static void prep_new_page(task_struct task, zone zone, PageFrame* page, int order, gfp_t gfp_flags)
    {
        ulong zonebits = (ulong)zone.idx << ZONES_PGSHIFT;
        PageFrame* end = page + (1L << order);
        int handedOut = 0;
        for (PageFrame* frame = page; frame < end; frame++)
        {
            frame->flags = zonebits;
            frame->_mapcount = -1;
            frame->@private = 0;
            handedOut |= frame->HandedOut;
            frame->HandedOut = 1;
        }

        post_alloc_hook(task, new page(page), order, gfp_flags, untouched: handedOut == 0);
        if (order != 0 && (gfp_flags & __GFP_COMP) != 0)
            prep_compound_page(page, order);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void post_alloc_hook(task_struct task, page page, int order, gfp_t gfp_flags, bool untouched)
    {
        KernelConfig config = task.kernel.config;
        if (((gfp_flags & __GFP_ZERO) != 0 || config.init_on_alloc) && !config.init_on_free)
            kernel_init_pages(page, 1 << order, untouched);
    }

    private static void kernel_init_pages(page page, int numpages, bool untouched)
    {
        for (int i = 0; i < numpages; i++)
        {
            if (untouched)
                ClearUntouchedHighpage(new page(page.Frame + i));
            else
                clear_highpage_kasan_tagged(new page(page.Frame + i));
        }
    }

    internal static void prep_compound_page(PageFrame* page, int order)
    {
        long nr_pages = 1L << order;
        page->flags |= 1UL << PG_head;
        for (long i = 1; i < nr_pages; i++)
            page[i].next = (PageFrame*)((ulong)page | 1);
        page->order = (byte)order;
    }

    /// <summary>Checks and strips a chunk that comes back; false if it must not reach a free list.</summary>
    private static bool free_pages_prepare(Kernel kernel, PageFrame* page, ulong pfn, int order)
    {
        if ((page->mapping & 3) != 0)
            page->mapping = 0;
        if ((page->flags & (1UL << PG_hwpoison)) != 0 && order == 0)
        {
            // A poisoned page stays out of use for good.
            return false;
        }

        if (order != 0)
        {
            bool compound = (page->flags & (1UL << PG_head)) != 0;
            if (compound && page->order != order)
                BUG();
            int bad = 0;
            for (long i = 1; i < 1L << order; i++)
            {
                if (compound)
                {
                    if ((ulong)page[i].next != ((ulong)page | 1))
                        bad_page(&page[i], "corrupted compound head");
                    page[i].next = null;
                }

                if (!page_expected_state(&page[i], PAGE_FLAGS_CHECK_AT_FREE))
                {
                    bad_page(&page[i], page_bad_reason(&page[i], PAGE_FLAGS_CHECK_AT_FREE));
                    bad++;
                }

                page[i].flags &= ~PAGE_FLAGS_CHECK_AT_PREP;
            }

            if (compound)
            {
                page->flags &= ~(1UL << PG_head);
                page->order = 0;
            }

            if (bad != 0)
                return false;
        }

        if (!page_expected_state(page, PAGE_FLAGS_CHECK_AT_FREE))
        {
            bad_page(page, page_bad_reason(page, PAGE_FLAGS_CHECK_AT_FREE));
            return false;
        }

        page->flags &= ~PAGE_FLAGS_CHECK_AT_PREP;
        page->@private = 0;
        for (ulong i = 0; i < 1UL << order; i++)
            _ = kernel.machine.Exposure.Freed(pfn + i, current.rq.hw);
        if (kernel.config.init_on_free)
            kernel_init_pages(new page(page), 1 << order, untouched: false);
        return true;
    }

    // Requests.

    /// <summary>The boot-time or test-time knob that makes allocations fail; never those that may not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool should_fail_alloc_page(Kernel kernel, gfp_t gfp_mask) =>
        kernel.Failures is not null && (gfp_mask & __GFP_NOFAIL) == 0 && should_fail(kernel, "fail_page_alloc");

    private static gfp_t current_gfp_context(task_struct task, gfp_t flags)
    {
        if ((task.flags & PF_MEMALLOC_NOIO) != 0)
            flags &= ~(gfp_t.__GFP_IO | gfp_t.__GFP_FS);
        else if ((task.flags & PF_MEMALLOC_NOFS) != 0)
            flags &= ~gfp_t.__GFP_FS;
        return flags;
    }

    private static uint gfp_to_alloc_flags_cma(int migratetype, uint alloc_flags) =>
        migratetype == MIGRATE_MOVABLE ? alloc_flags | ALLOC_CMA : alloc_flags;

    /// <summary>Keep types apart in the highest zone as long as it has whole blocks, and wake reclaim when it does not.</summary>
    private static uint alloc_flags_nofragment(zone zone, gfp_t gfp_mask)
    {
        uint alloc_flags = (uint)(gfp_mask & gfp_t.__GFP_KSWAPD_RECLAIM);

        // A zone that can still grow has whole blocks, they are only not initialised yet.
        if (zone.kernel.config.defrag_mode || zone.idx == zone_type.ZONE_NORMAL || Volatile.Read(ref zone.nr_deferred_pages) != 0)
            alloc_flags |= ALLOC_NOFRAGMENT;
        return alloc_flags;
    }

    private static uint gfp_to_alloc_flags(gfp_t gfp_mask, int order, KernelConfig config, int migratetype)
    {
        uint alloc_flags = ALLOC_WMARK_MIN | ALLOC_CPUSET;
        alloc_flags |= (uint)(gfp_mask & (__GFP_HIGH | gfp_t.__GFP_KSWAPD_RECLAIM));
        if ((gfp_mask & __GFP_DIRECT_RECLAIM) == 0)
        {
            if ((gfp_mask & gfp_t.__GFP_NOMEMALLOC) == 0)
            {
                alloc_flags |= ALLOC_HARDER;
                if (order > 0 && (alloc_flags & ALLOC_MIN_RESERVE) != 0)
                    alloc_flags |= ALLOC_HIGHATOMIC;
            }

            if ((alloc_flags & ALLOC_MIN_RESERVE) != 0)
                alloc_flags &= ~ALLOC_CPUSET;
        }

        alloc_flags = gfp_to_alloc_flags_cma(migratetype, alloc_flags);
        if (config.defrag_mode)
            alloc_flags |= ALLOC_NOFRAGMENT;
        return alloc_flags;
    }

    private static uint __gfp_pfmemalloc_flags(task_struct task, gfp_t gfp_mask)
    {
        if ((gfp_mask & gfp_t.__GFP_NOMEMALLOC) != 0)
            return 0;
        if ((gfp_mask & gfp_t.__GFP_MEMALLOC) != 0)
            return ALLOC_NO_WATERMARKS;
        return (task.flags & PF_MEMALLOC) != 0 && !in_interrupt() ? ALLOC_NO_WATERMARKS : 0;
    }

    private static bool prepare_alloc_pages(Kernel kernel, gfp_t gfp_mask, int order, uint outside, out alloc_context ac)
    {
        ac.highest_zoneidx = gfp_zone(gfp_mask);
        ac.zonelist = kernel.node_zonelists[(int)ac.highest_zoneidx];
        ac.migratetype = kernel.page_group_by_mobility_disabled ? MIGRATE_UNMOVABLE : gfp_migratetype(gfp_mask);
        ac.alloc_flags = outside;
        return !WARN_ON_ONCE((outside & ~AllowedFromOutside) != 0) && !should_fail_alloc_page(kernel, gfp_mask) && ac.zonelist.Length != 0;
    }

    private static PageFrame* get_page_from_freelist(task_struct task, gfp_t gfp_mask, int order, uint alloc_flags, in alloc_context ac)
    {
        while (true)
        {
            foreach (zone zone in ac.zonelist)
            {
                while (true)
                {
                    if ((alloc_flags & ALLOC_NO_WATERMARKS) == 0)
                    {
                        long mark = wmark_pages(zone, (zone_watermarks)(alloc_flags & ALLOC_WMARK_MASK));
                        if (!zone_watermark_fast(zone, order, mark, ac.highest_zoneidx, alloc_flags, gfp_mask))
                            break;
                    }

                    PageFrame* page = rmqueue(task, zone, order, gfp_mask, alloc_flags, ac.migratetype);
                    if (page != null)
                    {
                        prep_new_page(task, zone, page, order, gfp_mask);
                        count_vm_events(task, vm_event_item.PGALLOC_DMA + (int)zone.idx, 1L << order);

                        // A large atomic request that succeeded shows that there is a need for a reserve.
                        if (order != 0 && (alloc_flags & ALLOC_HIGHATOMIC) != 0)
                            reserve_highatomic_pageblock(page, order, zone);
                        return page;
                    }

                    if (!MmInit.deferred_grow_zone(zone, order))
                        break;
                }
            }

            // Types were kept apart for as long as that was possible.
            if ((alloc_flags & ALLOC_NOFRAGMENT) == 0 || task.kernel.config.defrag_mode)
                return null;
            alloc_flags &= ~ALLOC_NOFRAGMENT;
        }
    }

    /// <summary>Sets a pageblock aside for large atomic requests, up to one percent of the zone.</summary>
    private static void reserve_highatomic_pageblock(PageFrame* page, int order, zone zone)
    {
        if (zone.managed_pages / 100 < (long)pageblock_nr_pages)
            return;
        long max_managed = ((zone.managed_pages / 100) + (long)pageblock_nr_pages - 1) & ~((long)pageblock_nr_pages - 1);
        if (Volatile.Read(ref zone.nr_reserved_highatomic) >= max_managed)
            return;
        spin_lock_irqsave(zone.@lock, out ulong flags);
        if (zone.nr_reserved_highatomic >= max_managed)
            goto out_unlock;
        int mt = get_pageblock_migratetype(new page(page));
        if (!migratetype_is_mergeable(mt))
            goto out_unlock;
        if (order < pageblock_order)
        {
            if (move_freepages_block(zone, page, mt, MIGRATE_HIGHATOMIC) == -1)
                goto out_unlock;
            zone.nr_reserved_highatomic += (long)pageblock_nr_pages;
        }
        else
        {
            change_pageblock_range(page, order, MIGRATE_HIGHATOMIC);
            zone.nr_reserved_highatomic += 1L << order;
        }

    out_unlock:
        spin_unlock_irqrestore(zone.@lock, flags);
    }

    /// <summary>Gives one reserved block back to the type that is in need. One block for each zone stays unless forced.</summary>
    private static bool unreserve_highatomic_pageblock(in alloc_context ac, bool force)
    {
        foreach (zone zone in ac.zonelist)
        {
            if (!force && Volatile.Read(ref zone.nr_reserved_highatomic) <= (long)pageblock_nr_pages)
                continue;
            spin_lock_irqsave(zone.@lock, out ulong flags);
            for (int order = 0; order < NR_PAGE_ORDERS; order++)
            {
                PageFrame* page = PageList.FirstOrNull(free_area.free_list(&zone.free_area[order], MIGRATE_HIGHATOMIC));
                if (page == null)
                    continue;
                long size = Math.Max((long)pageblock_nr_pages, 1L << order);
                zone.nr_reserved_highatomic -= Math.Min(size, zone.nr_reserved_highatomic);
                int ret = 1;
                if (order < pageblock_order)
                {
                    ret = move_freepages_block(zone, page, MIGRATE_HIGHATOMIC, ac.migratetype);
                }
                else
                {
                    move_to_free_list(zone, page, order, MIGRATE_HIGHATOMIC, ac.migratetype);
                    change_pageblock_range(page, order, ac.migratetype);
                }

                WARN_ON_ONCE(ret == -1);
                if (ret > 0)
                {
                    spin_unlock_irqrestore(zone.@lock, flags);
                    return true;
                }
            }

            spin_unlock_irqrestore(zone.@lock, flags);
        }

        return false;
    }

    /// <summary>
    /// What direct reclaim can do here: nothing can be written out or dropped, but pages hide in per-CPU lists, LRU batches and reserves.
    /// </summary>
    [MightSleep]
    private static PageFrame* __alloc_pages_direct_reclaim(task_struct task, gfp_t gfp_mask, int order, uint alloc_flags, in alloc_context ac)
    {
        cond_resched();
        count_vm_events(task, vm_event_item.ALLOCSTALL_DMA + (int)ac.highest_zoneidx, 1);
        lru_add_drain();
        PageFrame* page = get_page_from_freelist(task, gfp_mask, order, alloc_flags, ac);
        if (page != null)
            return page;
        unreserve_highatomic_pageblock(ac, false);
        drain_all_pages(task.kernel);
        return get_page_from_freelist(task, gfp_mask, order, alloc_flags, ac);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PageFrame* __alloc_pages_slowpath(task_struct task, gfp_t gfp_mask, int order, in alloc_context ac)
    {
        bool can_direct_reclaim = (gfp_mask & __GFP_DIRECT_RECLAIM) != 0;
        bool nofail = (gfp_mask & __GFP_NOFAIL) != 0;
        int no_progress_loops = 0;
        if (nofail)
            WARN_ON_ONCE(order > 1 || !can_direct_reclaim);

        uint alloc_flags = gfp_to_alloc_flags(gfp_mask, order, task.kernel.config, ac.migratetype) | ac.alloc_flags;
        PageFrame* page = get_page_from_freelist(task, gfp_mask, order, alloc_flags, ac);
        if (page != null)
            return page;
        while (true)
        {
            uint reserve_flags = __gfp_pfmemalloc_flags(task, gfp_mask);
            if (reserve_flags != 0)
            {
                alloc_flags = gfp_to_alloc_flags_cma(ac.migratetype, reserve_flags) | (alloc_flags & ALLOC_KSWAPD) | ac.alloc_flags;
                page = get_page_from_freelist(task, gfp_mask, order, alloc_flags, ac);
                if (page != null)
                    return page;
            }

            // The second test keeps reclaim from recursing into itself.
            if (!can_direct_reclaim || (task.flags & PF_MEMALLOC) != 0)
                break;
            page = __alloc_pages_direct_reclaim(task, gfp_mask, order, alloc_flags, ac);
            if (page != null)
                return page;
            if ((gfp_mask & __GFP_NORETRY) != 0)
                break;

            // The last reserves go before anybody is told that there is no memory.
            if (unreserve_highatomic_pageblock(ac, true) && ++no_progress_loops <= MAX_RECLAIM_RETRIES)
                continue;
            if (!nofail)
                break;
            alloc_flags |= ALLOC_MIN_RESERVE;
            page = get_page_from_freelist(task, gfp_mask, order, alloc_flags, ac);
            if (page != null)
                return page;
            if (++no_progress_loops > MAX_RECLAIM_RETRIES)
                throw new KernelOops("Kernel panic - not syncing: System is deadlocked on memory");
            cond_resched();
        }

        warn_alloc(task, gfp_mask, order);
        return null;
    }

    private static void warn_alloc(task_struct task, gfp_t gfp_mask, int order)
    {
        if ((gfp_mask & __GFP_NOWARN) != 0)
            return;
        task.kernel.Log($"{task.comm}: page allocation failure: order:{order}, mode:0x{(uint)gfp_mask:x}({gfp_mask}), free:{nr_free_pages(task.kernel)}");
    }

    /// <summary>The heart of the allocator: pages without references, or NULL.</summary>
    [MustCheck]
    internal static page __alloc_frozen_pages_noprof(gfp_t gfp, int order, uint outside = ALLOC_DEFAULT)
    {
        task_struct task = current;
        Kernel kernel = task.kernel;
        if ((uint)order > MAX_PAGE_ORDER)
        {
            WARN_ON_ONCE((gfp & __GFP_NOWARN) == 0);
            return default;
        }

        gfp = current_gfp_context(task, gfp);
        if (!prepare_alloc_pages(kernel, gfp, order, outside, out alloc_context ac))
            return default;

        uint alloc_flags = ALLOC_WMARK_LOW | outside;
        alloc_flags = gfp_to_alloc_flags_cma(ac.migratetype, alloc_flags) | alloc_flags_nofragment(ac.zonelist[0], gfp);
        PageFrame* page = get_page_from_freelist(task, gfp, order, alloc_flags, ac);
        if (page == null && (outside & ALLOC_NOLOCK) == 0)
            page = __alloc_pages_slowpath(task, gfp, order, ac);
        return new page(page);
    }

    [MustCheck]
    internal static page __alloc_pages_noprof(gfp_t gfp, int order)
    {
        page page = __alloc_frozen_pages_noprof(gfp, order);
        if (!page.IS_NULL)
            set_page_count(page, 1);
        return page;
    }

    [MustCheck]
    [ReturnsReference]
    internal static folio __folio_alloc_noprof(gfp_t gfp, int order)
    {
        page page = __alloc_pages_noprof(gfp | __GFP_COMP, order);
        return new folio(page.Frame);
    }

    /// <summary>Fills the empty places of an array with order-0 pages; returns how many places are filled then.</summary>
    [MustCheck]
    internal static int alloc_pages_bulk_noprof(gfp_t gfp, Span<page> page_array)
    {
        int populated = 0;
        for (; populated < page_array.Length; populated++)
        {
            if (!page_array[populated].IS_NULL)
                continue;
            page page = __alloc_pages_noprof(gfp, 0);
            if (page.IS_NULL)
                break;
            page_array[populated] = page;
        }

        return populated;
    }

    [MustHold("pcp.lock")]
    private static void free_frozen_page_commit(zone zone, per_cpu_pages pcp, PageFrame* page, int migratetype, int order)
    {
        // A free between refills says that the batch is large enough.
        pcp.alloc_factor >>= 1;
        int pindex = order_to_pindex(migratetype, order);
        PageList.AddHead(&pcp.lists[pindex], page);
        pcp.count += 1 << order;
        int batch = pcp.batch;
        bool free_high = order != 0 && order <= PAGE_ALLOC_COSTLY_ORDER && pcp.free_count >= batch + (pcp.high_min / 8) && pcp.count >= batch;
        if (pcp.free_count < batch << CONFIG_PCP_BATCH_SCALE_MAX)
            pcp.free_count += 1 << order;
        int high = free_high ? 0 : pcp.high;
        if (pcp.count < high)
            return;
        free_pcppages_bulk(zone, nr_pcp_free(pcp, batch, high, free_high), pcp, pindex);
    }

    /// <summary>Frees pages that have no references.</summary>
    internal static void free_frozen_pages(page page, int order) => __free_frozen_pages(current, page.Frame, order);

    internal static void __free_frozen_pages(task_struct task, PageFrame* page, int order)
    {
        Kernel kernel = task.kernel;
        ulong pfn = page_to_pfn(new page(page));
        if (!free_pages_prepare(kernel, page, pfn, order))
            return;
        zone zone = page_zone(kernel, new page(page));
        count_vm_events(task, vm_event_item.PGFREE, 1L << order);
        if (!pcp_allowed_order(order))
        {
            free_one_page(zone, page, pfn, order, fpi_t.FPI_NONE);
            return;
        }

        // The type that counts is the one the block has now, whatever the allocator handed out.
        int migratetype = get_pfnblock_migratetype(kernel, pfn);
        if (migratetype >= MIGRATE_PCPTYPES)
        {
            if (is_migrate_isolate(migratetype))
            {
                free_one_page(zone, page, pfn, order, fpi_t.FPI_NONE);
                return;
            }

            migratetype = MIGRATE_MOVABLE;
        }

        per_cpu_pages pcp = pcp_spin_trylock(task, zone);
        if (pcp is null)
        {
            free_one_page(zone, page, pfn, order, fpi_t.FPI_NONE);
            return;
        }

        free_frozen_page_commit(zone, pcp, page, migratetype, order);
        pcp_spin_unlock(task, pcp);
    }

    /// <summary>Frees folios without references, taking the per-CPU lists' lock once for a run of them.</summary>
    [ContextUnsafe("keeps the lock of the per-CPU lists from one folio to the next as long as zone and order allow")]
    internal static void free_unref_folios(task_struct task, ref folio_batch folios)
    {
        Kernel kernel = task.kernel;
        zone? locked_zone = null;
        per_cpu_pages? pcp = null;
        for (int i = 0; i < folios.nr; i++)
        {
            PageFrame* page = folios.folios[i].Frame;
            int order = folio_order(folios.folios[i]);
            ulong pfn = page_to_pfn(new page(page));
            if (!free_pages_prepare(kernel, page, pfn, order))
                continue;
            zone zone = page_zone(kernel, new page(page));
            count_vm_events(task, vm_event_item.PGFREE, 1L << order);
            int migratetype = get_pfnblock_migratetype(kernel, pfn);
            if (!ReferenceEquals(zone, locked_zone))
            {
                if (pcp is not null)
                    pcp_spin_unlock(task, pcp);
                pcp = pcp_spin_trylock(task, zone);
                locked_zone = pcp is null ? null : zone;
            }

            if (pcp is null || !pcp_allowed_order(order) || is_migrate_isolate(migratetype))
                free_one_page(zone, page, pfn, order, fpi_t.FPI_NONE);
            else
                free_frozen_page_commit(zone, pcp, page, migratetype < MIGRATE_PCPTYPES ? migratetype : MIGRATE_MOVABLE, order);
        }

        if (pcp is not null)
            pcp_spin_unlock(task, pcp);
        folio_batch_reinit(ref folios);
    }

    /// <summary>Drops the caller's reference. Of pages without compound links the ones behind the first have none of their own.</summary>
    internal static void __free_pages(page page, int order)
    {
        task_struct task = current;

        // Somebody who holds the last reference may free the first page as soon as ours is gone; then its flags are no longer ours to read.
        bool head = folio_test_large(new folio(page.Frame));
        if (page_ref_dec_and_test(page))
        {
            __free_frozen_pages(task, page.Frame, order);
        }
        else if (!head)
        {
            while (order-- > 0)
                __free_frozen_pages(task, page.Frame + (1L << order), order);
        }
    }

    internal static void free_pages(ulong addr, int order)
    {
        if (addr != 0)
            __free_pages(virt_to_page(current.kernel, addr), order);
    }

    /// <summary>Takes a whole free pageblock out of circulation, labels it MIGRATE_CMA and frees it again.</summary>
    [MustCheck]
    internal static page alloc_cma_pageblock(zone zone)
    {
        spin_lock_irqsave(zone.@lock, out ulong flags);
        PageFrame* page = __rmqueue_smallest(zone, pageblock_order, MIGRATE_MOVABLE);
        if (page != null)
        {
            set_pageblock_migratetype(new page(page), MIGRATE_CMA);
            __free_one_page(zone, page, page_to_pfn(new page(page)), pageblock_order, MIGRATE_CMA, fpi_t.FPI_NONE);
        }

        spin_unlock_irqrestore(zone.@lock, flags);
        return new page(page);
    }
}
