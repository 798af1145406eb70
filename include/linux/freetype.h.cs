// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/freetype.h, Linux unmapped-v2.
namespace Linux;

/// <summary>
/// What a free page may be used for. Free lists are indexed by it; pages of a pageblock that has a type go to the lists of that type.
/// </summary>
internal static class FreetypeH
{
    internal const int MIGRATE_UNMOVABLE = 0;
    internal const int MIGRATE_MOVABLE = 1;
    internal const int MIGRATE_RECLAIMABLE = 2;

    /// <summary>Number of types on per-CPU lists.</summary>
    internal const int MIGRATE_PCPTYPES = 3;
    internal const int MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES;
    internal const int MIGRATE_CMA = 4;
    internal const int __MIGRATE_TYPE_END = MIGRATE_CMA;
    internal const int MIGRATE_ISOLATE = 5;
    internal const int MIGRATE_TYPES = 6;

    /// <summary>Number of lists in each free area.</summary>
    internal const int NR_FREETYPE_IDXS = MIGRATE_TYPES;

    /// <summary>Names as in /proc/pagetypeinfo.</summary>
    internal static ReadOnlySpan<string> migratetype_names => Names;

    private static readonly string[] Names = ["Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate"];

    internal static bool is_migrate_cma(int migratetype) => migratetype == MIGRATE_CMA;

    internal static bool is_migrate_isolate(int migratetype) => migratetype == MIGRATE_ISOLATE;

    internal static bool is_migrate_highatomic(int migratetype) => migratetype == MIGRATE_HIGHATOMIC;

    internal static bool is_migrate_movable(int mt) => is_migrate_cma(mt) || mt == MIGRATE_MOVABLE;

    /// <summary>Whether free chunks of pageblocks of this type may merge with such of another such type.</summary>
    internal static bool migratetype_is_mergeable(int mt) => mt < MIGRATE_PCPTYPES;
}
