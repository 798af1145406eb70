// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/include/asm/pgtable_types.h, Linux 6.18.
namespace Linux;

/// <summary>Size of what an entry maps, in the numbering of the page-table walkers.</summary>
internal enum pg_level
{
    PG_LEVEL_NONE,
    PG_LEVEL_4K,
    PG_LEVEL_2M,
    PG_LEVEL_1G,
    PG_LEVEL_512G,
    PG_LEVEL_256T,
    PG_LEVEL_NUM,
}

internal static class PgtableTypesH
{
    internal const ulong _PAGE_PRESENT = 1UL << 0;
    internal const ulong _PAGE_RW = 1UL << 1;
    internal const ulong _PAGE_USER = 1UL << 2;
    internal const ulong _PAGE_PWT = 1UL << 3;
    internal const ulong _PAGE_PCD = 1UL << 4;
    internal const ulong _PAGE_ACCESSED = 1UL << 5;
    internal const ulong _PAGE_DIRTY = 1UL << 6;
    internal const ulong _PAGE_PSE = 1UL << 7;

    /// <summary>Cache attribute of a 4K entry; where large entries have <see cref="_PAGE_PSE"/>.</summary>
    internal const ulong _PAGE_PAT = 1UL << 7;
    internal const ulong _PAGE_GLOBAL = 1UL << 8;

    /// <summary>Entry of a PROT_NONE area. Means something else than <see cref="_PAGE_GLOBAL"/> only because P is clear.</summary>
    internal const ulong _PAGE_PROTNONE = 1UL << 8;
    internal const ulong _PAGE_SPECIAL = 1UL << 9;
    internal const ulong _PAGE_UFFD_WP = 1UL << 10;
    internal const ulong _PAGE_SOFT_DIRTY = 1UL << 11;

    /// <summary>Kernel entries: the page was made 4K on purpose and must not be merged.</summary>
    internal const ulong _PAGE_KERNEL_4K = 1UL << 11;
    internal const ulong _PAGE_PAT_LARGE = 1UL << 12;

    /// <summary>Dirty bit of an entry that must not be written: D with RW clear would be a shadow-stack page.</summary>
    internal const ulong _PAGE_SAVED_DIRTY = 1UL << 58;
    internal const ulong _PAGE_NX = 1UL << 63;

    internal const ulong _PAGE_DIRTY_BITS = _PAGE_DIRTY | _PAGE_SAVED_DIRTY;

    internal const ulong PTE_PFN_MASK = 0x000f_ffff_ffff_f000;
    internal const ulong PTE_FLAGS_MASK = ~PTE_PFN_MASK;
    internal const ulong PHYSICAL_PMD_PAGE_MASK = PTE_PFN_MASK & ~((1UL << PMD_SHIFT) - 1);
    internal const ulong PHYSICAL_PUD_PAGE_MASK = PTE_PFN_MASK & ~((1UL << PUD_SHIFT) - 1);

    internal const ulong _PAGE_CHG_MASK =
        PTE_PFN_MASK | _PAGE_PCD | _PAGE_PWT | _PAGE_SPECIAL | _PAGE_ACCESSED | _PAGE_DIRTY_BITS | _PAGE_SOFT_DIRTY | _PAGE_UFFD_WP;

    internal const ulong _KERNPG_TABLE = _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY;
    internal const ulong _PAGE_TABLE = _KERNPG_TABLE | _PAGE_USER;

    internal static readonly pgprot_t PAGE_KERNEL =
        new(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_NX | _PAGE_DIRTY | _PAGE_GLOBAL);

    internal static readonly pgprot_t PAGE_KERNEL_NOGLOBAL = new(PAGE_KERNEL.val & ~_PAGE_GLOBAL);
    internal static readonly pgprot_t PAGE_KERNEL_EXEC = new(PAGE_KERNEL.val & ~_PAGE_NX);
    internal static readonly pgprot_t PAGE_KERNEL_RO = new(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX | _PAGE_GLOBAL);
    internal static readonly pgprot_t PAGE_KERNEL_ROX = new(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_GLOBAL);
    internal static readonly pgprot_t PAGE_KERNEL_LARGE = new(PAGE_KERNEL.val | _PAGE_PSE);

    internal static readonly pgprot_t PAGE_NONE = new(_PAGE_ACCESSED | _PAGE_PROTNONE);
    internal static readonly pgprot_t PAGE_SHARED = new(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_NX);
    internal static readonly pgprot_t PAGE_SHARED_EXEC = new(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED);
    internal static readonly pgprot_t PAGE_COPY = new(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_NX);
    internal static readonly pgprot_t PAGE_COPY_EXEC = new(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED);
    internal static readonly pgprot_t PAGE_READONLY = new(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_NX);
    internal static readonly pgprot_t PAGE_READONLY_EXEC = new(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED);

    internal static pgprot_t __pgprot(ulong val) => new(val);

    internal static ulong pgprot_val(pgprot_t prot) => prot.val;

    internal static ulong pte_flags(pte_t pte) => pte.val & PTE_FLAGS_MASK;

    internal static pgprot_t pte_pgprot(pte_t pte) => new(pte_flags(pte));

    /// <summary>Flags of a leaf at the PMD. The address of a large entry stops at its size, so that bits below it are flags.</summary>
    internal static pgprot_t pmd_pgprot(pte_t pmd) => new(pmd.val & ~((pmd.val & _PAGE_PSE) != 0 ? PHYSICAL_PMD_PAGE_MASK : PTE_PFN_MASK));

    internal static pgprot_t pud_pgprot(pte_t pud) => new(pud.val & ~((pud.val & _PAGE_PSE) != 0 ? PHYSICAL_PUD_PAGE_MASK : PTE_PFN_MASK));

    internal static ulong page_level_size(pg_level level) => 1UL << page_level_shift(level);

    internal static ulong page_level_mask(pg_level level) => ~(page_level_size(level) - 1);

    internal static int page_level_shift(pg_level level) => PAGE_SHIFT + (((int)level - 1) * 9);

    internal static ulong protval_4k_2_large(ulong val) =>
        (val & ~(_PAGE_PAT | _PAGE_PAT_LARGE)) | ((val & _PAGE_PAT) << (12 - 7));

    internal static pgprot_t pgprot_4k_2_large(pgprot_t pgprot) => new(protval_4k_2_large(pgprot.val));

    internal static ulong protval_large_2_4k(ulong val) =>
        (val & ~(_PAGE_PAT | _PAGE_PAT_LARGE)) | ((val & _PAGE_PAT_LARGE) >> (12 - 7));

    internal static pgprot_t pgprot_large_2_4k(pgprot_t pgprot) => new(protval_large_2_4k(pgprot.val));
}
