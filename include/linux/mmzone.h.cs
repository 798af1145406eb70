// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mmzone.h, Linux 6.18.
namespace Linux;

internal enum zone_type
{
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_NORMAL,
    __MAX_NR_ZONES,
}

internal enum zone_watermarks
{
    WMARK_MIN,
    WMARK_LOW,
    WMARK_HIGH,
    NR_WMARK,
}

/// <summary>Counters of the memory node, as far as the model has them; the first five are in the order of the LRU lists.</summary>
internal enum node_stat_item
{
    NR_INACTIVE_ANON,
    NR_ACTIVE_ANON,
    NR_INACTIVE_FILE,
    NR_ACTIVE_FILE,
    NR_UNEVICTABLE,
    NR_ISOLATED_ANON,
    NR_ISOLATED_FILE,
    NR_ANON_MAPPED,
    NR_FILE_MAPPED,
    NR_FILE_PAGES,
    NR_FILE_DIRTY,
    NR_WRITEBACK,
    NR_SHMEM,
    NR_KERNEL_MISC_RECLAIMABLE,
    NR_FOLL_PIN_ACQUIRED,
    NR_FOLL_PIN_RELEASED,
    NR_KERNEL_STACK_KB,
    NR_PAGETABLE,
    NR_SECONDARY_PAGETABLE,
    NR_MLOCK,
    NR_VM_NODE_STAT_ITEMS,
}

internal enum lru_list
{
    LRU_INACTIVE_ANON,
    LRU_ACTIVE_ANON,
    LRU_INACTIVE_FILE,
    LRU_ACTIVE_FILE,
    LRU_UNEVICTABLE,
    NR_LRU_LISTS,
}

[Flags]
internal enum zone_flags
{
    NONE = 0,

    /// <summary>The zone recently boosted its watermarks; whoever clears the bit wakes kswapd.</summary>
    ZONE_BOOSTED_WATERMARK = 1 << 0,
}

internal static unsafe class MmzoneH
{
    internal const int MAX_PAGE_ORDER = 10;
    internal const int NR_PAGE_ORDERS = MAX_PAGE_ORDER + 1;
    internal const ulong MAX_ORDER_NR_PAGES = 1UL << MAX_PAGE_ORDER;
    internal const int PAGE_ALLOC_COSTLY_ORDER = 3;
    internal const int HPAGE_PMD_ORDER = 9;
    internal const int MAX_NR_ZONES = (int)zone_type.__MAX_NR_ZONES;

    internal const int SECTION_SIZE_BITS = 27;
    internal const ulong PAGES_PER_SECTION = 1UL << (SECTION_SIZE_BITS - MmH.PAGE_SHIFT);

    /// <summary>Lists of base orders (0 to PAGE_ALLOC_COSTLY_ORDER for each type) before the two of huge pages.</summary>
    internal const int NR_LOWORDER_PCP_LISTS = FreetypeH.MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1);
    internal const int NR_PCP_THP = 2;
    internal const int NR_PCP_LISTS = NR_LOWORDER_PCP_LISTS + NR_PCP_THP;

    internal const int ZONES_PGSHIFT = 62;

    internal static int page_zonenum(page page) => (int)(page.Frame->flags >> ZONES_PGSHIFT);

    internal static zone page_zone(Kernel kernel, page page) => kernel.node_zones[page_zonenum(page)];

    internal static bool zone_spans_pfn(zone zone, ulong pfn) => zone.zone_start_pfn <= pfn && pfn < zone.zone_end_pfn;

    internal static long zone_managed_pages(zone zone) => zone.managed_pages;

    internal static bool populated_zone(zone zone) => zone.present_pages != 0;

    internal static long min_wmark_pages(zone zone) => wmark_pages(zone, zone_watermarks.WMARK_MIN);

    internal static long low_wmark_pages(zone zone) => wmark_pages(zone, zone_watermarks.WMARK_LOW);

    internal static long high_wmark_pages(zone zone) => wmark_pages(zone, zone_watermarks.WMARK_HIGH);

    internal static long wmark_pages(zone zone, zone_watermarks mark) => zone._watermark[(int)mark] + Volatile.Read(ref zone.watermark_boost);
}

/// <summary>Free chunks of one order: a list for each type, and how many there are in all.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct free_area
{
    private Lists lists;

    internal ulong nr_free;

    /// <summary>The list of one type. The area is in native memory.</summary>
    internal static PageList* free_list(free_area* area, int migratetype) => (PageList*)area + migratetype;

    [InlineArray(FreetypeH.NR_FREETYPE_IDXS)]
    private struct Lists
    {
        private PageList _first;
    }
}

/// <summary>One CPU's private store of free pages of a zone. A page in it is neither in the buddy system nor referenced.</summary>
internal sealed unsafe class per_cpu_pages
{
    internal per_cpu_pages()
    {
        @lock = new spinlock_t("&pcp->lock");
        lists = (PageList*)NativeMemory.AlignedAlloc((nuint)(MmzoneH.NR_PCP_LISTS * sizeof(PageList)), 64);
        for (int i = 0; i < MmzoneH.NR_PCP_LISTS; i++)
            PageList.Init(&lists[i]);
    }

    /// <summary>Taken by trylock with preemption off on the owning CPU, and by whoever drains the CPU from elsewhere.</summary>
    internal readonly spinlock_t @lock;

    [GuardedBy(nameof(@lock))]
    internal PageList* lists;

    /// <summary>Base pages on all lists.</summary>
    [GuardedBy(nameof(@lock))]
    internal int count;

    /// <summary>Above this many base pages a free drains some. Read without the lock.</summary>
    internal int high;

    internal int high_min;

    internal int high_max;

    /// <summary>Base pages moved to or from the buddy system at once. Read without the lock.</summary>
    internal int batch;

    /// <summary>log2 of the growth of the batch by consecutive refills.</summary>
    [GuardedBy(nameof(@lock))]
    internal int alloc_factor;

    /// <summary>Pages freed since the last allocations; makes drains larger while a CPU only frees.</summary>
    [GuardedBy(nameof(@lock))]
    internal int free_count;
}

/// <summary>A range of memory that some allocations must come from.</summary>
internal sealed unsafe partial class zone
{
    internal zone(Kernel kernel, zone_type idx, string name, ulong start_pfn, ulong end_pfn)
    {
        this.kernel = kernel;
        this.idx = idx;
        this.name = name;
        zone_start_pfn = start_pfn;
        zone_end_pfn = end_pfn;
        @lock = new spinlock_t("&zone->lock");
        free_area = (free_area*)NativeMemory.AllocZeroed((nuint)(MmzoneH.NR_PAGE_ORDERS * sizeof(free_area)));
        for (int order = 0; order < MmzoneH.NR_PAGE_ORDERS; order++)
        {
            for (int t = 0; t < FreetypeH.NR_FREETYPE_IDXS; t++)
                PageList.Init(Linux.free_area.free_list(&free_area[order], t));
        }

        per_cpu_pageset = new per_cpu_pages[kernel.nr_cpu_ids];
        for (int cpu = 0; cpu < per_cpu_pageset.Length; cpu++)
            per_cpu_pageset[cpu] = new per_cpu_pages();
    }

    internal readonly Kernel kernel;
    internal readonly zone_type idx;
    internal readonly string name;

    /// <summary>Span of page frame numbers; holes inside.</summary>
    internal readonly ulong zone_start_pfn;
    internal readonly ulong zone_end_pfn;

    /// <summary>Everything about free pages of the zone. Taken with interrupts off; nothing sleeps or allocates under it.</summary>
    internal readonly spinlock_t @lock;

    [GuardedBy(nameof(@lock))]
    internal free_area* free_area;

    internal readonly per_cpu_pages[] per_cpu_pageset;

    /// <summary>Pages that exist, and of these the ones that the buddy system owns (the rest was reserved at boot).</summary>
    internal long present_pages;
    internal long managed_pages;

    /// <summary>min, low, high. Written while the zone is set up.</summary>
    internal readonly long[] _watermark = new long[(int)zone_watermarks.NR_WMARK];

    /// <summary>Added to each watermark for a while after a pageblock was claimed. Read without the lock.</summary>
    [GuardedBy(nameof(@lock))]
    internal long watermark_boost;

    internal zone_flags flags;

    /// <summary>Pages of this zone that requests which could use a higher zone must leave alone, by highest usable zone.</summary>
    internal readonly long[] lowmem_reserve = new long[MmzoneH.MAX_NR_ZONES];

    /// <summary>NR_FREE_PAGES: pages in the buddy system but those of isolated blocks. Read without the lock.</summary>
    [GuardedBy(nameof(@lock))]
    internal long nr_free_pages;

    /// <summary>NR_FREE_PAGES_BLOCKS: free pages in chunks of at least a pageblock.</summary>
    [GuardedBy(nameof(@lock))]
    internal long nr_free_pages_blocks;

    [GuardedBy(nameof(@lock))]
    internal long nr_free_cma_pages;

    [GuardedBy(nameof(@lock))]
    internal long nr_free_highatomic;

    [GuardedBy(nameof(@lock))]
    internal long nr_reserved_highatomic;

    /// <summary>Managed pages that deferred initialisation has not handed to the buddy system yet: free memory that needs a little work.</summary>
    [GuardedBy(nameof(@lock))]
    internal long nr_deferred_pages;

    /// <summary>Where deferred initialisation goes on; zone_end_pfn when it is done.</summary>
    [GuardedBy(nameof(@lock))]
    internal ulong first_deferred_pfn;

    public override string ToString() => name;
}
