// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/pgtable.h, Linux 6.18.
namespace Linux;

/// <summary>A page-table entry of any level in the architecture's encoding.</summary>
/// <param name="val">The entry's 64 bits.</param>
internal readonly record struct pte_t(ulong val)
{
    public override string ToString() => $"{val:x16}";
}

/// <summary>Protection bits of an entry in the architecture's encoding.</summary>
/// <param name="val">The bits.</param>
internal readonly record struct pgprot_t(ulong val);

/// <summary>
/// Shape of the tables. Both architectures translate 48 bits with 4 KiB granules and nine bits a level; the level between PGD and PUD is
/// folded.
/// </summary>
internal static class PgtableH
{
    internal const int PTRS_PER_PTE = 512;
    internal const int PGDIR_SHIFT = 39;
    internal const int PUD_SHIFT = 30;
    internal const int PMD_SHIFT = 21;
    internal const ulong PGDIR_SIZE = 1UL << PGDIR_SHIFT;
    internal const ulong PUD_SIZE = 1UL << PUD_SHIFT;
    internal const ulong PMD_SIZE = 1UL << PMD_SHIFT;
    internal const ulong PGDIR_MASK = ~(PGDIR_SIZE - 1);
    internal const ulong PUD_MASK = ~(PUD_SIZE - 1);
    internal const ulong PMD_MASK = ~(PMD_SIZE - 1);

    internal static uint pgd_index(ulong addr) => (uint)(addr >> PGDIR_SHIFT) & 511;

    internal static uint pud_index(ulong addr) => (uint)(addr >> PUD_SHIFT) & 511;

    internal static uint pmd_index(ulong addr) => (uint)(addr >> PMD_SHIFT) & 511;

    internal static uint pte_index(ulong addr) => (uint)(addr >> MmH.PAGE_SHIFT) & 511;

    internal static ulong pgd_addr_end(ulong addr, ulong end) => Min(addr, PGDIR_SIZE, end);

    internal static ulong pud_addr_end(ulong addr, ulong end) => Min(addr, PUD_SIZE, end);

    internal static ulong pmd_addr_end(ulong addr, ulong end) => Min(addr, PMD_SIZE, end);

    // Compares boundary - 1 so that a range that ends at the top of the address space (end == 0) works.
    private static ulong Min(ulong addr, ulong size, ulong end)
    {
        ulong boundary = (addr + size) & ~(size - 1);
        return boundary - 1 < end - 1 ? boundary : end;
    }
}
