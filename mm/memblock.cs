// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/memblock.c, Linux 6.18.
namespace Linux;

internal sealed partial class Kernel
{
    /// <summary>What the buddy system will never own: sorted, disjoint ranges of physical bytes. Fixed once the buddy system runs.</summary>
    internal readonly List<PhysicalRange> memblock_reserved = [];

    /// <summary>The early allocator is open: page tables are built, the buddy system is not.</summary>
    internal bool memblock_open;

    /// <summary>Where the kernel image lies.</summary>
    internal PhysicalRange kernel_image;
}

internal static class Memblock
{
    private const ulong LowReserved = 1UL << 20;
    private const ulong ImageBase = 16UL << 20;
    private const ulong ImageBytes = 16UL << 20;

    /// <summary>Learns the memory of the machine and reserves what firmware and the kernel image occupy.</summary>
    internal static void setup_arch_memory(Kernel kernel)
    {
        PhysicalMemory memory = kernel.machine.Memory;
        kernel.memblock_open = true;
        ulong first = memory.Ranges[0].Start;
        foreach (PhysicalRange range in memory.Ranges)
        {
            // The first megabyte of a machine whose memory starts at 0 holds vectors and firmware data.
            if (range.Start < LowReserved)
                memblock_reserve(kernel, range.Start, Math.Min(range.End, LowReserved) - range.Start);
        }

        // Small machines get a smaller image, at the first place that is free.
        ulong bytes = memory.TotalBytes >= 8 * ImageBytes ? ImageBytes : PAGE_ALIGN(memory.TotalBytes / 8);
        ulong start = memory.TotalBytes >= 8 * ImageBytes ? first + ImageBase : Math.Max(first, LowReserved);
        kernel.kernel_image = new PhysicalRange(start, start + bytes);
        memblock_reserve(kernel, start, bytes);
    }

    /// <summary>Keeps a range out of the buddy system.</summary>
    internal static void memblock_reserve(Kernel kernel, ulong @base, ulong size)
    {
        BUG_ON(!kernel.memblock_open);
        List<PhysicalRange> reserved = kernel.memblock_reserved;
        ulong start = @base & PAGE_MASK, end = PAGE_ALIGN(@base + size);
        int at = 0;
        while (at < reserved.Count && reserved[at].End < start)
            at++;
        while (at < reserved.Count && reserved[at].Start <= end)
        {
            start = Math.Min(start, reserved[at].Start);
            end = Math.Max(end, reserved[at].End);
            reserved.RemoveAt(at);
        }

        reserved.Insert(at, new PhysicalRange(start, end));
    }

    /// <summary>
    /// Zeroed memory for what must exist before the buddy system does, such as the kernel's page tables: physical address, or 0 if none is
    /// left. Bottom-up from the kernel image, so that early allocations stay together.
    /// </summary>
    [MustCheck]
    internal static ulong memblock_phys_alloc(Kernel kernel, ulong size, ulong align)
    {
        BUG_ON(!kernel.memblock_open);
        foreach (PhysicalRange memory in kernel.machine.Memory.Ranges)
        {
            if (memory.End <= kernel.kernel_image.End)
                continue;
            ulong at = Math.Max(memory.Start, kernel.kernel_image.End);
            while (true)
            {
                at = (at + align - 1) & ~(align - 1);
                if (at + size > memory.End)
                    break;
                int hit = kernel.memblock_reserved.FindIndex(r => r.Start < at + size && at < r.End);
                if (hit < 0)
                {
                    memblock_reserve(kernel, at, size);
                    return at;
                }

                at = kernel.memblock_reserved[hit].End;
            }
        }

        return 0;
    }
}
