// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/gfp_types.h, Linux 6.18.
namespace Linux;

/// <summary>Allocation flags, with the bits that the model distinguishes at Linux's positions.</summary>
[Flags]
internal enum gfp_t : uint
{
    __GFP_NONE = 0,
    __GFP_DMA = 0x01,
    __GFP_HIGHMEM = 0x02,
    __GFP_DMA32 = 0x04,
    __GFP_MOVABLE = 0x08,
    __GFP_RECLAIMABLE = 0x10,
    __GFP_HIGH = 0x20,
    __GFP_IO = 0x40,
    __GFP_FS = 0x80,
    __GFP_ZERO = 0x100,
    __GFP_DIRECT_RECLAIM = 0x400,
    __GFP_KSWAPD_RECLAIM = 0x800,
    __GFP_WRITE = 0x1000,
    __GFP_NOWARN = 0x2000,
    __GFP_RETRY_MAYFAIL = 0x4000,
    __GFP_NOFAIL = 0x8000,
    __GFP_NORETRY = 0x10000,
    __GFP_MEMALLOC = 0x20000,
    __GFP_COMP = 0x40000,
    __GFP_NOMEMALLOC = 0x80000,
    __GFP_HARDWALL = 0x100000,
    __GFP_THISNODE = 0x200000,
    __GFP_ACCOUNT = 0x400000,
    __GFP_RECLAIM = __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM,
}

internal static class GfpTypesH
{
    internal const gfp_t __GFP_ZERO = gfp_t.__GFP_ZERO;
    internal const gfp_t __GFP_COMP = gfp_t.__GFP_COMP;
    internal const gfp_t __GFP_MOVABLE = gfp_t.__GFP_MOVABLE;
    internal const gfp_t __GFP_RECLAIMABLE = gfp_t.__GFP_RECLAIMABLE;
    internal const gfp_t __GFP_HIGH = gfp_t.__GFP_HIGH;
    internal const gfp_t __GFP_NOFAIL = gfp_t.__GFP_NOFAIL;
    internal const gfp_t __GFP_NOWARN = gfp_t.__GFP_NOWARN;
    internal const gfp_t __GFP_NORETRY = gfp_t.__GFP_NORETRY;
    internal const gfp_t __GFP_ACCOUNT = gfp_t.__GFP_ACCOUNT;
    internal const gfp_t __GFP_DIRECT_RECLAIM = gfp_t.__GFP_DIRECT_RECLAIM;
    internal const gfp_t __GFP_THISNODE = gfp_t.__GFP_THISNODE;
    internal const gfp_t GFP_ATOMIC = gfp_t.__GFP_HIGH | gfp_t.__GFP_KSWAPD_RECLAIM;
    internal const gfp_t GFP_KERNEL = gfp_t.__GFP_RECLAIM | gfp_t.__GFP_IO | gfp_t.__GFP_FS;
    internal const gfp_t GFP_KERNEL_ACCOUNT = GFP_KERNEL | gfp_t.__GFP_ACCOUNT;
    internal const gfp_t GFP_NOWAIT = gfp_t.__GFP_KSWAPD_RECLAIM | gfp_t.__GFP_NOWARN;
    internal const gfp_t GFP_USER = GFP_KERNEL | gfp_t.__GFP_HARDWALL;
    internal const gfp_t GFP_HIGHUSER = GFP_USER | gfp_t.__GFP_HIGHMEM;
    internal const gfp_t GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | gfp_t.__GFP_MOVABLE;
    internal const gfp_t GFP_PGTABLE_KERNEL = GFP_KERNEL | gfp_t.__GFP_ZERO;
    internal const gfp_t GFP_PGTABLE_USER = GFP_PGTABLE_KERNEL | gfp_t.__GFP_ACCOUNT;

    internal static bool gfpflags_allow_blocking(gfp_t gfp) => (gfp & gfp_t.__GFP_DIRECT_RECLAIM) != 0;
}
