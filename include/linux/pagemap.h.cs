// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/pagemap.h, Linux 6.18; AS_NO_DIRECT_MAP and its helpers follow the direct-map series v12.
namespace Linux;

internal static unsafe partial class PagemapH
{
    internal const int AS_EIO = 0;
    internal const int AS_ENOSPC = 1;
    internal const int AS_MM_ALL_LOCKS = 2;
    internal const int AS_UNEVICTABLE = 3;
    internal const int AS_EXITING = 4;
    internal const int AS_NO_WRITEBACK_TAGS = 5;
    internal const int AS_RELEASE_ALWAYS = 6;
    internal const int AS_STABLE_WRITES = 7;
    internal const int AS_INACCESSIBLE = 8;
    internal const int AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM = 9;
    internal const int AS_KERNEL_FILE = 10;
    internal const int AS_NO_DATA_INTEGRITY = 11;
    internal const int AS_NO_DIRECT_MAP = 12;

    internal static void mapping_set_unevictable(address_space mapping) => SetBit(mapping, AS_UNEVICTABLE);

    internal static bool mapping_unevictable(address_space? mapping) => mapping is not null && TestBit(mapping, AS_UNEVICTABLE);

    internal static void mapping_set_inaccessible(address_space mapping)
    {
        // Nobody but the owner can write such a folio back, so it can only be unevictable.
        SetBit(mapping, AS_UNEVICTABLE);
        SetBit(mapping, AS_INACCESSIBLE);
    }

    internal static bool mapping_inaccessible(address_space mapping) => TestBit(mapping, AS_INACCESSIBLE);

    internal static void mapping_set_exiting(address_space mapping) => SetBit(mapping, AS_EXITING);

    internal static bool mapping_exiting(address_space mapping) => TestBit(mapping, AS_EXITING);

    /// <summary>Set before the file is reachable by user space; there is no way back.</summary>
    internal static void mapping_set_no_direct_map(address_space mapping) => SetBit(mapping, AS_NO_DIRECT_MAP);

    internal static bool mapping_no_direct_map(address_space mapping) => TestBit(mapping, AS_NO_DIRECT_MAP);

    internal static bool vma_has_no_direct_map(vm_area_struct vma) => vma.vm_file is { } file && mapping_no_direct_map(file.f_mapping);

    internal static gfp_t mapping_gfp_mask(address_space mapping) => mapping.gfp_mask;

    internal static void mapping_set_gfp_mask(address_space mapping, gfp_t mask) => mapping.gfp_mask = mask;

    /// <summary>The mapping in <c>folio->mapping</c>; null for anonymous, truncated and never-added folios.</summary>
    internal static address_space? folio_mapping(folio folio)
    {
        ulong word = Volatile.Read(ref folio.Frame->mapping);
        return word == 0 || (word & 3) != 0 ? null : folio_kernel(folio).mappings.Get((uint)(word >> 3));
    }

    internal static void folio_set_mapping(folio folio, address_space? mapping) =>
        Volatile.Write(ref folio.Frame->mapping, mapping is null ? 0 : (ulong)mapping.Id << 3);

    private static void SetBit(address_space mapping, int bit) => Interlocked.Or(ref mapping.flags, 1UL << bit);

    private static bool TestBit(address_space mapping, int bit) => (mapping.flags & (1UL << bit)) != 0;
}
