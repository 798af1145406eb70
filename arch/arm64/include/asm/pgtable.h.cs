// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/asm/pgtable.h, Linux 6.18.
namespace Linux;

// One type, pte_t, stands for the entries of all levels: pmd_t, pud_t and pgd_t differ from it only in C's type system.
//
// An entry is in one of four states: empty (all zero); valid; present but not valid (VALID clear, nG set: PROT_NONE of users, and what was
// taken out of the linear map); anything else is a swap entry or a marker, which keep nG clear.
internal static unsafe class Arm64PgtableH
{
    private const int __SWP_TYPE_SHIFT = 6;
    private const ulong __SWP_TYPE_MASK = 0x1f;
    private const int __SWP_OFFSET_SHIFT = 12;

    internal static bool pte_none(pte_t pte) => pte.val == 0;

    internal static bool pte_valid(pte_t pte) => (pte.val & PTE_VALID) != 0;

    internal static bool pte_present_invalid(pte_t pte) => (pte.val & (PTE_VALID | PTE_PRESENT_INVALID)) == PTE_PRESENT_INVALID;

    internal static bool pte_present(pte_t pte) => pte_valid(pte) || pte_present_invalid(pte);

    internal static bool pte_cont(pte_t pte) => (pte.val & PTE_CONT) != 0;

    /// <summary>The entry names a table. What is present and no table maps memory itself, valid or not.</summary>
    internal static bool pmd_table(pte_t pmd) => (pmd.val & PMD_TYPE_MASK) == PMD_TYPE_TABLE;

    internal static bool pmd_leaf(pte_t pmd) => pte_present(pmd) && !pmd_table(pmd);

    internal static bool pud_leaf(pte_t pud) => pte_present(pud) && !pmd_table(pud);

    internal static ulong pte_pfn(pte_t pte) => (pte.val & PTE_ADDR_MASK) >> PAGE_SHIFT;

    internal static pgprot_t pte_pgprot(pte_t pte) => new(pte.val & ~PTE_ADDR_MASK);

    internal static pte_t pfn_pte(ulong pfn, pgprot_t prot) => new(((pfn << PAGE_SHIFT) & PTE_ADDR_MASK) | prot.val);

    /// <summary>A block: the type of a leaf above the last level has bit 1 clear.</summary>
    internal static pgprot_t mk_sect_prot(pgprot_t prot) => new(prot.val & ~(PTE_TYPE_MASK & ~PTE_VALID));

    internal static pte_t pfn_sect(ulong pfn, pgprot_t prot) => pfn_pte(pfn, mk_sect_prot(prot));

    internal static pte_t pte_mknoncont(pte_t pte) => new(pte.val & ~PTE_CONT);

    internal static pte_t pte_mkinvalid(pte_t pte) => new((pte.val | PTE_PRESENT_INVALID) & ~PTE_VALID);

    internal static bool pte_write(pte_t pte) => (pte.val & PTE_WRITE) != 0;

    internal static bool pte_rdonly(pte_t pte) => (pte.val & PTE_RDONLY) != 0;

    internal static bool pte_young(pte_t pte) => (pte.val & PTE_AF) != 0;

    internal static bool pte_user_exec(pte_t pte) => (pte.val & PTE_UXN) == 0;

    /// <summary>Hardware clears RDONLY of a writable entry on the first store.</summary>
    internal static bool pte_hw_dirty(pte_t pte) => pte_write(pte) && !pte_rdonly(pte);

    internal static bool pte_sw_dirty(pte_t pte) => (pte.val & PTE_DIRTY) != 0;

    internal static bool pte_dirty(pte_t pte) => pte_sw_dirty(pte) || pte_hw_dirty(pte);

    internal static pte_t pte_mkwrite(pte_t pte)
    {
        ulong val = pte.val | PTE_WRITE;
        return new pte_t(pte_sw_dirty(pte) ? val & ~PTE_RDONLY : val);
    }

    internal static pte_t pte_mkclean(pte_t pte) => new((pte.val & ~PTE_DIRTY) | PTE_RDONLY);

    internal static pte_t pte_mkdirty(pte_t pte)
    {
        ulong val = pte.val | PTE_DIRTY;
        return new pte_t(pte_write(pte) ? val & ~PTE_RDONLY : val);
    }

    /// <summary>Dirtiness that only hardware knew of must not get lost with the right to write.</summary>
    internal static pte_t pte_wrprotect(pte_t pte)
    {
        if (pte_hw_dirty(pte))
            pte = pte_mkdirty(pte);
        return new pte_t((pte.val & ~PTE_WRITE) | PTE_RDONLY);
    }

    internal static pte_t pte_mkold(pte_t pte) => new(pte.val & ~PTE_AF);

    internal static pte_t pte_mkyoung(pte_t pte) => new(pte.val | PTE_AF);

    internal static pte_t pte_modify(pte_t pte, pgprot_t newprot)
    {
        const ulong Mask = PTE_USER | PTE_PXN | PTE_UXN | PTE_RDONLY | PTE_PRESENT_INVALID | PTE_VALID | PTE_WRITE | (7UL << PTE_ATTRINDX_SHIFT);
        if (pte_hw_dirty(pte))
            pte = new pte_t(pte.val | PTE_DIRTY);
        pte = new pte_t((pte.val & ~Mask) | (newprot.val & Mask));

        // A dirty page that may be written needs no fault to become dirty.
        return pte_sw_dirty(pte) ? pte_mkdirty(pte) : pte;
    }

    internal static ulong make_swp_entry(uint type, uint offset) =>
        ((type & __SWP_TYPE_MASK) << __SWP_TYPE_SHIFT) | ((ulong)offset << __SWP_OFFSET_SHIFT);

    internal static uint __swp_type(ulong entry) => (uint)((entry >> __SWP_TYPE_SHIFT) & __SWP_TYPE_MASK);

    internal static ulong __swp_offset(ulong entry) => entry >> __SWP_OFFSET_SHIFT;

    /// <summary>Reads an entry that other CPUs, the walker among them, may change at the same time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static pte_t ptep_get(pte_t* ptep) => new(Volatile.Read(ref *(ulong*)ptep));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void set_pte(pte_t* ptep, pte_t pte) => Volatile.Write(ref *(ulong*)ptep, pte.val);
}
