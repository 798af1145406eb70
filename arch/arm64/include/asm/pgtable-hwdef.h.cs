// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/asm/pgtable-hwdef.h, Linux 6.18.
namespace Linux;

/// <summary>Bits of descriptors that hardware defines, and the contiguous sizes of the 4 KiB granule.</summary>
internal static class PgtableHwdefH
{
    internal const int CONT_PTE_SHIFT = 4 + PAGE_SHIFT;
    internal const int CONT_PTES = 1 << (CONT_PTE_SHIFT - PAGE_SHIFT);
    internal const ulong CONT_PTE_SIZE = 1UL << CONT_PTE_SHIFT;
    internal const ulong CONT_PTE_MASK = ~(CONT_PTE_SIZE - 1);

    internal const int CONT_PMD_SHIFT = 4 + PMD_SHIFT;
    internal const int CONT_PMDS = 1 << (CONT_PMD_SHIFT - PMD_SHIFT);
    internal const ulong CONT_PMD_SIZE = 1UL << CONT_PMD_SHIFT;
    internal const ulong CONT_PMD_MASK = ~(CONT_PMD_SIZE - 1);

    internal const ulong PTE_VALID = 1UL << 0;
    internal const ulong PTE_TYPE_MASK = 3UL << 0;
    internal const ulong PTE_TYPE_PAGE = 3UL << 0;
    internal const ulong PTE_USER = 1UL << 6;
    internal const ulong PTE_RDONLY = 1UL << 7;
    internal const ulong PTE_SHARED = 3UL << 8;
    internal const ulong PTE_AF = 1UL << 10;
    internal const ulong PTE_NG = 1UL << 11;
    internal const ulong PTE_DBM = 1UL << 51;
    internal const ulong PTE_CONT = 1UL << 52;
    internal const ulong PTE_PXN = 1UL << 53;
    internal const ulong PTE_UXN = 1UL << 54;

    /// <summary>Type of an entry that names a table; that of blocks has bit 1 clear.</summary>
    internal const ulong PMD_TYPE_MASK = 3UL << 0;
    internal const ulong PMD_TYPE_TABLE = 3UL << 0;
    internal const ulong PMD_TYPE_SECT = 1UL << 0;
    internal const ulong PMD_TABLE_PXN = 1UL << 59;
    internal const ulong PMD_TABLE_UXN = 1UL << 60;
    internal const ulong PMD_SECT_PXN = 1UL << 53;

    internal const ulong PUD_TABLE_PXN = 1UL << 59;
    internal const ulong PUD_TABLE_UXN = 1UL << 60;
    internal const ulong PUD_SECT_PXN = 1UL << 53;

    internal const ulong PTE_ADDR_MASK = 0x0000_ffff_ffff_f000;

    /// <summary>Index of an entry's memory attributes.</summary>
    internal const int PTE_ATTRINDX_SHIFT = 2;
    internal const ulong MT_NORMAL = 0;

    internal static ulong PTE_ATTRINDX(ulong t) => t << PTE_ATTRINDX_SHIFT;
}
