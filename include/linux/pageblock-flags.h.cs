// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/pageblock-flags.h, Linux 6.18.
namespace Linux;

/// <summary>Bits kept for each pageblock. A block has one byte, so that bits of two blocks never share an update.</summary>
internal enum pageblock_bits
{
    PB_migrate_0,
    PB_migrate_1,
    PB_migrate_2,
    PB_compact_skip,
    PB_migrate_isolate,

    /// <summary>Room for the flags of a freetype; one flag is planned for.</summary>
    PB_freetype_flags,
}

internal static class PageblockFlagsH
{
    /// <summary>Bits from one pageblock to the next in the bitmap.</summary>
    internal const int NR_PAGEBLOCK_BITS = 8;
    internal const byte MIGRATETYPE_MASK = (1 << (int)pageblock_bits.PB_migrate_0) | (1 << (int)pageblock_bits.PB_migrate_1) | (1 << (int)pageblock_bits.PB_migrate_2);
    internal const byte MIGRATETYPE_AND_ISO_MASK = MIGRATETYPE_MASK | (1 << (int)pageblock_bits.PB_migrate_isolate);

    /// <summary>Size of a PMD leaf: one pageblock is one 2 MiB leaf of the direct map.</summary>
    internal const int pageblock_order = 9;
    internal const ulong pageblock_nr_pages = 1UL << pageblock_order;

    internal static ulong pageblock_start_pfn(ulong pfn) => pfn & ~(pageblock_nr_pages - 1);

    internal static ulong pageblock_end_pfn(ulong pfn) => (pfn + pageblock_nr_pages) & ~(pageblock_nr_pages - 1);
}
