// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/page_alloc.h, Linux 7.x; in 6.18 this is part of mm/internal.h.
namespace Linux;

/// <summary>Whether a free area has a page of a type that the wanted type falls back to.</summary>
internal enum fallback_result
{
    FALLBACK_FOUND,
    FALLBACK_EMPTY,

    /// <summary>The order is too low for claiming a pageblock to be worth it.</summary>
    FALLBACK_NOCLAIM,
}

/// <summary>What stays the same over all attempts of one request.</summary>
internal struct alloc_context
{
    internal zone[] zonelist;
    internal zone_type highest_zoneidx;

    /// <summary>The wanted type of pageblock.</summary>
    internal int migratetype;

    /// <summary>The part of the request's flags that holds for the fast and the slow path alike.</summary>
    internal uint alloc_flags;
}

internal static unsafe class PageAllocH
{
    internal const uint ALLOC_DEFAULT = 0;
    internal const uint ALLOC_WMARK_MIN = (uint)zone_watermarks.WMARK_MIN;
    internal const uint ALLOC_WMARK_LOW = (uint)zone_watermarks.WMARK_LOW;
    internal const uint ALLOC_WMARK_HIGH = (uint)zone_watermarks.WMARK_HIGH;
    internal const uint ALLOC_NO_WATERMARKS = 0x04;
    internal const uint ALLOC_WMARK_MASK = ALLOC_NO_WATERMARKS - 1;
    internal const uint ALLOC_OOM = 0x08;
    internal const uint ALLOC_HARDER = 0x10;

    /// <summary>Name of <see cref="ALLOC_HARDER"/> between Linux 6.4 and the unmapped allocation series.</summary>
    internal const uint ALLOC_NON_BLOCK = ALLOC_HARDER;
    internal const uint ALLOC_MIN_RESERVE = 0x20;
    internal const uint ALLOC_CPUSET = 0x40;
    internal const uint ALLOC_CMA = 0x80;
    internal const uint ALLOC_NOFRAGMENT = 0x100;
    internal const uint ALLOC_HIGHATOMIC = 0x200;

    /// <summary>Take locks by trylock only: any context may ask. 0x1000 and 0x2000 belong to NO_CODETAG and UNMAPPED.</summary>
    internal const uint ALLOC_NOLOCK = 0x400;
    internal const uint ALLOC_KSWAPD = 0x800;
    internal const uint ALLOC_RESERVES = ALLOC_HARDER | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC | ALLOC_OOM;

    /// <summary>What callers may pass; everything else is derived from the gfp mask and the running task.</summary>
    internal const uint AllowedFromOutside = ALLOC_NOLOCK;

    internal static int buddy_order(page page) => (int)page.Frame->@private;

    /// <summary>
    /// Whether <paramref name="buddy"/> is a free chunk of the order that may merge with <paramref name="page"/>. Frames of holes are all
    /// zero and never look so.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool page_is_buddy(page page, page buddy, int order) =>
        PageBuddy(buddy) && buddy_order(buddy) == order && page_zonenum(page) == page_zonenum(buddy) && buddy.Frame->_refcount == 0;

    internal static ulong __find_buddy_pfn(ulong page_pfn, int order) => page_pfn ^ (1UL << order);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static page find_buddy_page_pfn(page page, ulong pfn, int order, out ulong buddy_pfn)
    {
        buddy_pfn = __find_buddy_pfn(pfn, order);
        page buddy = new(page.Frame + ((long)buddy_pfn - (long)pfn));
        return page_is_buddy(page, buddy, order) ? buddy : default;
    }

    /// <summary>First page of the block if the whole of it lies in the zone, else NULL.</summary>
    internal static page pageblock_pfn_to_page(ulong start_pfn, ulong end_pfn, zone zone) =>
        zone_spans_pfn(zone, start_pfn) && zone_spans_pfn(zone, end_pfn - 1) ? pfn_to_page(zone.kernel, start_pfn) : default;

    internal static bool free_area_empty(free_area* area, int migratetype) => PageList.IsEmpty(free_area.free_list(area, migratetype));

    internal static int gfp_migratetype(gfp_t gfp_flags)
    {
        const gfp_t Mask = __GFP_RECLAIMABLE | __GFP_MOVABLE;
        WARN_ON((gfp_flags & Mask) == Mask);
        return (int)(gfp_flags & Mask) >> 3;
    }
}
