// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/mm/init.c, Linux 6.18.
namespace Linux;

internal sealed unsafe partial class X86Arch
{
    /// <summary>The direct map may use 1G leaves.</summary>
    internal bool direct_gbpages;

    /// <summary>Levels of leaves that the direct map may use, one bit each.</summary>
    internal uint page_size_mask;

    /// <summary>One more than the highest page frame that the direct map covers.</summary>
    internal ulong max_pfn_mapped;

    // Ranges of page frames in the direct map, sorted. Written at boot only.
    private readonly List<(ulong Start, ulong End)> pfn_mapped = [];

    internal bool pfn_range_is_mapped(ulong start_pfn, ulong end_pfn)
    {
        foreach ((ulong start, ulong end) in pfn_mapped)
        {
            if (start_pfn >= start && end_pfn <= end)
                return true;
        }

        return false;
    }

    internal void add_pfn_range_mapped(ulong start_pfn, ulong end_pfn)
    {
        if (pfn_mapped.Count != 0 && pfn_mapped[^1].End == start_pfn)
            pfn_mapped[^1] = (pfn_mapped[^1].Start, end_pfn);
        else
            pfn_mapped.Add((start_pfn, end_pfn));
        max_pfn_mapped = Math.Max(max_pfn_mapped, end_pfn);
    }
}

internal static class X86Init
{
    private const ulong ISA_END_ADDRESS = 0x100000;

    /// <summary>Decides on the sizes of leaves from what the CPU has and what was asked for.</summary>
    internal static void probe_page_size_mask(X86Arch arch)
    {
        // debug_pagealloc changes single pages from atomic context, so no leaf may ever need a split.
        if (arch.debug_pagealloc_enabled || !arch.has_pse)
        {
            arch.page_size_mask = 0;
            arch.direct_gbpages = false;
            return;
        }

        arch.page_size_mask = 1u << (int)pg_level.PG_LEVEL_2M;
        arch.direct_gbpages = arch.options.Gbpages && (arch.machine.Config.Features & CpuFeatures.X86Gbpages) != 0;
        if (arch.direct_gbpages)
            arch.page_size_mask |= 1u << (int)pg_level.PG_LEVEL_1G;
    }

    /// <summary>Maps all memory: the first megabyte with its hole, as firmware data lies around there, then every range of RAM.</summary>
    internal static void init_mem_mapping(X86Arch arch)
    {
        probe_page_size_mask(arch);
        init_memory_mapping(arch, 0, ISA_END_ADDRESS);
        foreach (PhysicalRange range in arch.memory.Ranges)
        {
            if (range.End > ISA_END_ADDRESS)
                init_memory_mapping(arch, Math.Max(range.Start, ISA_END_ADDRESS), range.End);
        }
    }

    private static void init_memory_mapping(X86Arch arch, ulong start, ulong end)
    {
        Span<(ulong Start, ulong End, uint Mask)> mr = stackalloc (ulong, ulong, uint)[5];
        int nr_range = split_mem_range(arch, mr, start, end);
        for (int i = 0; i < nr_range; i++)
            Init64.kernel_physical_mapping_init(arch, mr[i].Start, mr[i].End, mr[i].Mask);
        arch.add_pfn_range_mapped(start >> PAGE_SHIFT, end >> PAGE_SHIFT);
    }

    /// <summary>Cuts a range into at most five that are each mapped with leaves of one size: 4K, 2M, 1G, 2M, 4K.</summary>
    private static int split_mem_range(X86Arch arch, Span<(ulong Start, ulong End, uint Mask)> mr, ulong start, ulong end)
    {
        const uint Mask2M = 1u << (int)pg_level.PG_LEVEL_2M;
        const uint Mask1G = 1u << (int)pg_level.PG_LEVEL_1G;
        int nr_range = 0;
        ulong limit = end;

        ulong at = start;
        ulong to = Math.Min(RoundUp(at, PMD_SIZE), limit);
        save_mr(mr, ref nr_range, ref at, to, 0);

        to = Math.Min(RoundUp(at, PUD_SIZE), limit & PMD_MASK);
        save_mr(mr, ref nr_range, ref at, to, arch.page_size_mask & Mask2M);

        to = limit & PUD_MASK;
        save_mr(mr, ref nr_range, ref at, to, arch.page_size_mask & (Mask2M | Mask1G));

        to = limit & PMD_MASK;
        save_mr(mr, ref nr_range, ref at, to, arch.page_size_mask & Mask2M);

        save_mr(mr, ref nr_range, ref at, limit, 0);

        adjust_range_page_size_mask(arch, mr[..nr_range]);
        return nr_range;
    }

    private static void save_mr(Span<(ulong Start, ulong End, uint Mask)> mr, ref int nr_range, ref ulong start, ulong end, uint mask)
    {
        if (start >= end)
            return;
        mr[nr_range++] = (start, end, mask);
        start = end;
    }

    // A piece may use a larger leaf than its own size if what lies around it is RAM too.
    private static void adjust_range_page_size_mask(X86Arch arch, Span<(ulong Start, ulong End, uint Mask)> mr)
    {
        foreach (ref (ulong Start, ulong End, uint Mask) piece in mr)
        {
            const uint Mask2M = 1u << (int)pg_level.PG_LEVEL_2M;
            const uint Mask1G = 1u << (int)pg_level.PG_LEVEL_1G;
            if ((arch.page_size_mask & Mask2M) != 0 && (piece.Mask & Mask2M) == 0)
            {
                ulong start = piece.Start & PMD_MASK;
                if (arch.memory.IsRam(start, RoundUp(piece.End, PMD_SIZE) - start))
                    piece.Mask |= Mask2M;
            }

            if ((arch.page_size_mask & Mask1G) != 0 && (piece.Mask & Mask1G) == 0)
            {
                ulong start = piece.Start & PUD_MASK;
                if (arch.memory.IsRam(start, RoundUp(piece.End, PUD_SIZE) - start))
                    piece.Mask |= Mask1G;
            }
        }
    }

    private static ulong RoundUp(ulong value, ulong size) => (value + size - 1) & ~(size - 1);
}
