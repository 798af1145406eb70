// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mm_init.c, Linux 6.18.
namespace Linux;

internal sealed unsafe partial class Kernel
{
    /// <summary>The page array: row n describes page frame n. Rows are committed when touched and zero until initialised.</summary>
    internal PageFrame* vmemmap;

    /// <summary>One more than the highest page frame number.</summary>
    internal ulong max_pfn;

    /// <summary>Numbers of address spaces, as folios name them.</summary>
    internal readonly ObjectTable<address_space> mappings = new();

    /// <summary>The zones of the (only) node, also those without memory.</summary>
    internal readonly zone[] node_zones = new zone[MAX_NR_ZONES];

    /// <summary>For each highest usable zone the zones with memory in the order in which they are tried.</summary>
    internal readonly zone[][] node_zonelists = new zone[MAX_NR_ZONES][];

    /// <summary>One byte of pageblock_bits for each pageblock.</summary>
    internal byte* pageblock_flags;

    /// <summary>Kernel virtual address minus physical address within the direct map.</summary>
    internal ulong PhysicalToDirectMap;

    internal bool page_group_by_mobility_disabled;

    /// <summary>Free memory below which watermarks and reserves are scaled, in KiB.</summary>
    internal long min_free_kbytes;
}

internal sealed partial record KernelConfig
{
    /// <summary>Boot parameter <c>cma=</c> in pages, rounded up to whole pageblocks: memory set aside for MIGRATE_CMA.</summary>
    internal ulong cma { get; init; }
}

// Memory management comes up in this order:
//
//   setup_arch_memory()    which memory there is, what is reserved
//   Arch.paging_init()     the direct map, with page tables from memblock
//   mm_core_init()         page array, zones, buddy system; memblock closes
//
// Initialisation of page frames is deferred: a zone starts with its first section in the buddy system, and the allocator adds sections when it runs
// dry (deferred_grow_zone). Of a free chunk only the first frame is initialised; the others are when the chunk is split or allocated. So the cost of
// booting does not depend on the amount of memory, and accounting counts deferred pages as free, which they are.
internal static unsafe partial class MmInit
{
    private const ulong MAX_DMA_PFN = 16UL << (20 - PAGE_SHIFT);
    private const ulong MAX_DMA32_PFN = 4UL << (30 - PAGE_SHIFT);

    internal static void mm_core_init(Kernel kernel)
    {
        Vmstat.init_mm_internals(kernel);
        free_area_init(kernel);
        build_all_zonelists(kernel);
        mem_init(kernel);
        swap_setup(kernel);
        _ = secretmem_init(kernel);
        kernel.RegisterInvariant("page allocator", () => PageAllocInvariants.Check(kernel));
        kernel.RegisterInvariant("page cache", () => PageCacheInvariants.Check(kernel));
    }

    /// <summary>Builds the page array and the zones.</summary>
    [ContextUnsafe("boot: no other CPU runs yet")]
    private static void free_area_init(Kernel kernel)
    {
        PhysicalMemory memory = kernel.machine.Memory;
        kernel.PhysicalToDirectMap = kernel.arch.PAGE_OFFSET - kernel.arch.PHYS_OFFSET;
        kernel.max_pfn = memory.Limit >> PAGE_SHIFT;
        ulong frames = (kernel.max_pfn + MAX_ORDER_NR_PAGES - 1) & ~(MAX_ORDER_NR_PAGES - 1);
        if (frames > VMEMMAP_SPAN / PageFrame.Size)
            throw new MachineException($"{memory.TotalBytes} bytes of memory are more than the page array can describe");

        var array = new NativeReservation(frames * PageFrame.Size, VMEMMAP_SPAN, VMEMMAP_HEADER, "the page array");
        var blocks = new NativeReservation(frames / pageblock_nr_pages * (NR_PAGEBLOCK_BITS / 8), PAGE_SIZE, 0, "pageblock flags");
        GCHandle self = GCHandle.Alloc(kernel, GCHandleType.Weak);
        *(nint*)(array.Base - VMEMMAP_HEADER) = GCHandle.ToIntPtr(self);
        kernel.vmemmap = (PageFrame*)array.Base;
        kernel.pageblock_flags = blocks.Base;

        ulong[] limits = [Math.Min(MAX_DMA_PFN, kernel.max_pfn), Math.Min(MAX_DMA32_PFN, kernel.max_pfn), kernel.max_pfn];
        string[] names = ["DMA", "DMA32", "Normal"];
        ulong start = 0;
        for (int i = 0; i < MAX_NR_ZONES; i++)
        {
            zone zone = new(kernel, (zone_type)i, names[i], start, limits[i]);
            zone.first_deferred_pfn = zone.zone_start_pfn;
            kernel.node_zones[i] = zone;
            start = limits[i];
            foreach (PhysicalRange range in memory.Ranges)
                zone.present_pages += Overlap(zone, range);
            zone.managed_pages = zone.present_pages;
            foreach (PhysicalRange reserved in kernel.memblock_reserved)
            {
                foreach (PhysicalRange range in memory.Ranges)
                    zone.managed_pages -= Overlap(zone, new(Math.Max(reserved.Start, range.Start), Math.Min(reserved.End, range.End)));
            }

            zone.nr_deferred_pages = zone.managed_pages;
        }

        kernel.RegisterShutdown("page array", () =>
        {
            foreach (zone zone in kernel.node_zones)
                zone.FreeNative();
            kernel.vmemmap = null;
            kernel.pageblock_flags = null;
            array.Dispose();
            blocks.Dispose();
            self.Free();
        });
    }

    private static void build_all_zonelists(Kernel kernel)
    {
        long managed = 0;
        for (int highest = 0; highest < MAX_NR_ZONES; highest++)
        {
            managed += kernel.node_zones[highest].managed_pages;
            var list = new List<zone>();
            for (int i = highest; i >= 0; i--)
            {
                if (kernel.node_zones[i].managed_pages != 0)
                    list.Add(kernel.node_zones[i]);
            }

            kernel.node_zonelists[highest] = [.. list];
        }

        // Grouping by mobility needs a few blocks of each type to be worth anything.
        kernel.page_group_by_mobility_disabled = managed < (long)pageblock_nr_pages * MIGRATE_TYPES;
    }

    /// <summary>Hands memory over from memblock to the buddy system.</summary>
    private static void mem_init(Kernel kernel)
    {
        kernel.memblock_open = false;
        foreach (PhysicalRange reserved in kernel.memblock_reserved)
        {
            for (ulong pfn = reserved.Start >> PAGE_SHIFT; pfn < reserved.End >> PAGE_SHIFT && pfn < kernel.max_pfn; pfn++)
                __init_reserved_page_zone(kernel, pfn);
        }

        foreach (zone zone in kernel.node_zones)
            _ = deferred_grow_zone(zone, 0);
        init_cma_reserved_pageblocks(kernel);
        PageAlloc.setup_per_zone_wmarks(kernel);
        foreach (zone zone in kernel.node_zones)
            PageAlloc.zone_pcp_init(zone);
    }

    private static void __init_reserved_page_zone(Kernel kernel, ulong pfn)
    {
        page page = pfn_to_page(kernel, pfn);
        int zone = 0;
        while (pfn >= kernel.node_zones[zone].zone_end_pfn)
            zone++;
        page.Frame->flags = ((ulong)zone << ZONES_PGSHIFT) | (1UL << PG_reserved);
        page.Frame->_mapcount = -1;
        init_page_count(page);
        PageAlloc.init_pageblock_migratetype(page, MIGRATE_MOVABLE);
    }

    /// <summary>Relabels the first whole blocks of the highest zone for contiguous allocations, as the boot parameter asks.</summary>
    private static void init_cma_reserved_pageblocks(Kernel kernel)
    {
        ulong blocks = (kernel.config.cma + pageblock_nr_pages - 1) / pageblock_nr_pages;
        if (blocks == 0)
            return;
        zone zone = kernel.node_zonelists[MAX_NR_ZONES - 1][0];
        for (ulong i = 0; i < blocks; i++)
        {
            page page = PageAlloc.alloc_cma_pageblock(zone);
            if (page.IS_NULL)
                throw new MachineException($"boot parameter cma={kernel.config.cma}: zone {zone} has no memory for it");
        }
    }

    /// <summary>
    /// Initialises the next section (or as many as hold the order) of a zone and frees its pages into the buddy system. False if the zone is
    /// complete.
    /// </summary>
    internal static bool deferred_grow_zone(zone zone, int order)
    {
        ulong seen = Volatile.Read(ref zone.first_deferred_pfn);
        if (seen >= zone.zone_end_pfn)
            return false;
        spin_lock_irqsave(zone.@lock, out ulong flags);

        // Somebody else may have grown the zone while we waited: then there is memory to try.
        if (zone.first_deferred_pfn == seen)
        {
            ulong wanted = ((1UL << order) + PAGES_PER_SECTION - 1) & ~(PAGES_PER_SECTION - 1);
            ulong pfn = seen;
            for (ulong grown = 0; grown < wanted && pfn < zone.zone_end_pfn;)
            {
                ulong end = Math.Min((pfn + PAGES_PER_SECTION) & ~(PAGES_PER_SECTION - 1), zone.zone_end_pfn);
                grown += deferred_init_pages(zone, pfn, end);
                pfn = end;
            }

            zone.first_deferred_pfn = pfn;
        }

        spin_unlock_irqrestore(zone.@lock, flags);
        return true;
    }

    /// <summary>Frees what is memory and not reserved between two page frames; returns the number of pages.</summary>
    [MustHold("zone.lock")]
    private static ulong deferred_init_pages(zone zone, ulong pfn, ulong end_pfn)
    {
        Kernel kernel = zone.kernel;
        ulong freed = 0;
        foreach (PhysicalRange range in kernel.machine.Memory.Ranges)
        {
            ulong start = Math.Max(range.Start >> PAGE_SHIFT, pfn), end = Math.Min(range.End >> PAGE_SHIFT, end_pfn);
            if (start >= end)
                continue;
            foreach (PhysicalRange reserved in kernel.memblock_reserved)
            {
                ulong hole = reserved.Start >> PAGE_SHIFT, hole_end = reserved.End >> PAGE_SHIFT;
                if (hole_end <= start || hole >= end)
                    continue;
                if (hole > start)
                    freed += deferred_free_pages(zone, start, hole);
                start = Math.Min(hole_end, end);
            }

            if (start < end)
                freed += deferred_free_pages(zone, start, end);
        }

        return freed;
    }

    [MustHold("zone.lock")]
    private static ulong deferred_free_pages(zone zone, ulong pfn, ulong end_pfn)
    {
        ulong nr = end_pfn - pfn;
        for (ulong block = pageblock_start_pfn(pfn); block < end_pfn; block += pageblock_nr_pages)
            PageAlloc.init_pageblock_migratetype(pfn_to_page(zone.kernel, block), MIGRATE_MOVABLE);
        while (pfn < end_pfn)
        {
            int order = Math.Min(MAX_PAGE_ORDER, System.Numerics.BitOperations.TrailingZeroCount(pfn));
            while (pfn + (1UL << order) > end_pfn)
                order--;
            PageAlloc.__free_pages_core(zone, pfn, order);
            pfn += 1UL << order;
        }

        // Last: who looks without the lock may count pages twice, but must not miss any.
        zone.nr_deferred_pages -= (long)nr;
        return nr;
    }

    private static long Overlap(zone zone, PhysicalRange range)
    {
        ulong start = Math.Max(zone.zone_start_pfn, range.Start >> PAGE_SHIFT);
        ulong end = Math.Min(zone.zone_end_pfn, range.End >> PAGE_SHIFT);
        return start < end ? (long)(end - start) : 0;
    }
}

internal sealed unsafe partial class zone
{
    [ContextUnsafe("the machine is off: no task of it runs any more")]
    internal void FreeNative()
    {
        NativeMemory.Free(free_area);
        free_area = null;
        foreach (per_cpu_pages pcp in per_cpu_pageset)
        {
            NativeMemory.AlignedFree(pcp.lists);
            pcp.lists = null;
        }
    }
}
