// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/gfp.h, Linux 6.18.
namespace Linux;

internal static unsafe class GfpH
{
    internal static zone_type gfp_zone(gfp_t flags)
    {
        if ((flags & gfp_t.__GFP_DMA) != 0)
            return zone_type.ZONE_DMA;
        return (flags & gfp_t.__GFP_DMA32) != 0 ? zone_type.ZONE_DMA32 : zone_type.ZONE_NORMAL;
    }

    [MustCheck]
    internal static page alloc_pages(gfp_t gfp_mask, int order) => PageAlloc.__alloc_pages_noprof(gfp_mask, order);

    [MustCheck]
    internal static page alloc_page(gfp_t gfp_mask) => PageAlloc.__alloc_pages_noprof(gfp_mask, 0);

    [MustCheck]
    [ReturnsReference]
    internal static folio folio_alloc(gfp_t gfp, int order) => PageAlloc.__folio_alloc_noprof(gfp, order);

    /// <summary>Kernel virtual address of fresh pages, 0 without memory.</summary>
    [MustCheck]
    internal static ulong __get_free_pages(gfp_t gfp_mask, int order)
    {
        page page = alloc_pages(gfp_mask, order);
        return page.IS_NULL ? 0 : page_address(page);
    }

    [MustCheck]
    internal static ulong get_zeroed_page(gfp_t gfp_mask) => __get_free_pages(gfp_mask | __GFP_ZERO, 0);

    internal static void free_page(ulong addr) => PageAlloc.free_pages(addr, 0);

    internal static void __free_page(page page) => PageAlloc.__free_pages(page, 0);
}
