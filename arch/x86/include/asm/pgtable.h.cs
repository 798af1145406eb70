// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/include/asm/pgtable.h, Linux 6.18.
using System.Runtime.CompilerServices;

namespace Linux;

// One type, pte_t, stands for the entries of all levels: pmd_t, pud_t, p4d_t and pgd_t differ from it only in C's type system.
internal static unsafe class X86PgtableH
{
    private const int SWP_TYPE_BITS = 5;
    private const int SWP_OFFSET_FIRST_BIT = 9;
    private const int SWP_OFFSET_SHIFT = SWP_OFFSET_FIRST_BIT + SWP_TYPE_BITS;

    internal static bool pte_none(pte_t pte) => pte.val == 0;

    internal static bool pte_present(pte_t pte) => (pte.val & (_PAGE_PRESENT | _PAGE_PROTNONE)) != 0;

    /// <summary>PSE counts as present: an entry on its way through an invalidation keeps it while P is clear.</summary>
    internal static bool pmd_present(pte_t pmd) => (pmd.val & (_PAGE_PRESENT | _PAGE_PROTNONE | _PAGE_PSE)) != 0;

    internal static bool pud_present(pte_t pud) => (pud.val & _PAGE_PRESENT) != 0;

    internal static bool pmd_leaf(pte_t pmd) => (pmd.val & _PAGE_PSE) != 0;

    internal static bool pud_leaf(pte_t pud) => (pud.val & (_PAGE_PSE | _PAGE_PRESENT)) == (_PAGE_PSE | _PAGE_PRESENT);

    internal static bool __pte_needs_invert(ulong val) => val != 0 && (val & _PAGE_PRESENT) == 0;

    /// <summary>What the frame number of an entry is XORed with, so that a speculative load through an entry that is not present finds no memory.</summary>
    internal static ulong protnone_mask(ulong val) => __pte_needs_invert(val) ? ulong.MaxValue : 0;

    internal static ulong pte_pfn(pte_t pte)
    {
        ulong pfn = pte.val;
        pfn ^= protnone_mask(pfn);
        return (pfn & PTE_PFN_MASK) >> PAGE_SHIFT;
    }

    internal static ulong pmd_pfn(pte_t pmd)
    {
        ulong pfn = pmd.val;
        pfn ^= protnone_mask(pfn);
        return (pfn & ((pmd.val & _PAGE_PSE) != 0 ? PHYSICAL_PMD_PAGE_MASK : PTE_PFN_MASK)) >> PAGE_SHIFT;
    }

    internal static ulong pud_pfn(pte_t pud)
    {
        ulong pfn = pud.val;
        pfn ^= protnone_mask(pfn);
        return (pfn & ((pud.val & _PAGE_PSE) != 0 ? PHYSICAL_PUD_PAGE_MASK : PTE_PFN_MASK)) >> PAGE_SHIFT;
    }

    internal static pte_t pfn_pte(ulong page_nr, pgprot_t pgprot)
    {
        // Writable is what a dirty page needs: the combination D without RW marks a shadow stack.
        WARN_ON_ONCE((pgprot.val & (_PAGE_DIRTY | _PAGE_RW)) == _PAGE_DIRTY);
        ulong pfn = page_nr << PAGE_SHIFT;
        pfn ^= protnone_mask(pgprot.val);
        return new pte_t((pfn & PTE_PFN_MASK) | pgprot.val);
    }

    internal static pte_t pfn_pmd(ulong page_nr, pgprot_t pgprot)
    {
        ulong pfn = page_nr << PAGE_SHIFT;
        pfn ^= protnone_mask(pgprot.val);
        return new pte_t((pfn & PHYSICAL_PMD_PAGE_MASK) | pgprot.val);
    }

    internal static pte_t pfn_pud(ulong page_nr, pgprot_t pgprot)
    {
        ulong pfn = page_nr << PAGE_SHIFT;
        pfn ^= protnone_mask(pgprot.val);
        return new pte_t((pfn & PHYSICAL_PUD_PAGE_MASK) | pgprot.val);
    }

    /// <summary>Changes flags keeps frame and A/D; inverts the frame when the entry becomes, or ceases to be, one without P.</summary>
    internal static pte_t pte_modify(pte_t pte, pgprot_t newprot)
    {
        ulong oldval = pte.val;
        ulong val = (oldval & _PAGE_CHG_MASK) | (newprot.val & ~_PAGE_CHG_MASK);
        val = flip_protnone_guard(oldval, val, PTE_PFN_MASK);

        // D must not stay with RW clear.
        return (val & _PAGE_RW) != 0 ? pte_clear_saveddirty(new pte_t(val)) : pte_mksaveddirty(new pte_t(val));
    }

    internal static bool pte_dirty(pte_t pte) => (pte.val & _PAGE_DIRTY_BITS) != 0;

    internal static bool pte_young(pte_t pte) => (pte.val & _PAGE_ACCESSED) != 0;

    internal static bool pte_write(pte_t pte) => (pte.val & _PAGE_RW) != 0;

    internal static bool pte_exec(pte_t pte) => (pte.val & _PAGE_NX) == 0;

    internal static pte_t pte_mkdirty(pte_t pte) =>
        pte_mksaveddirty(new pte_t(pte.val | _PAGE_DIRTY | _PAGE_SOFT_DIRTY));

    internal static pte_t pte_mkclean(pte_t pte) => new(pte.val & ~_PAGE_DIRTY_BITS);

    internal static pte_t pte_mkyoung(pte_t pte) => new(pte.val | _PAGE_ACCESSED);

    internal static pte_t pte_mkold(pte_t pte) => new(pte.val & ~_PAGE_ACCESSED);

    internal static pte_t pte_mkwrite(pte_t pte) => pte_clear_saveddirty(new pte_t(pte.val | _PAGE_RW));

    internal static pte_t pte_wrprotect(pte_t pte) => pte_mksaveddirty(new pte_t(pte.val & ~_PAGE_RW));

    internal static ulong make_swp_entry(uint type, uint offset) =>
        ((ulong)type << (64 - SWP_TYPE_BITS)) | ((~(ulong)offset << SWP_OFFSET_SHIFT) >> SWP_TYPE_BITS);

    internal static uint __swp_type(ulong entry) => (uint)(entry >> (64 - SWP_TYPE_BITS));

    internal static ulong __swp_offset(ulong entry) => (~entry << SWP_TYPE_BITS) >> SWP_OFFSET_SHIFT;

    /// <summary>Reads an entry that other CPUs, the walker among them, may change at the same time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static pte_t ptep_get(pte_t* ptep) => new(Volatile.Read(ref *(ulong*)ptep));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void set_pte(pte_t* ptep, pte_t pte) => Volatile.Write(ref *(ulong*)ptep, pte.val);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void set_pte_atomic(pte_t* ptep, pte_t pte) => Volatile.Write(ref *(ulong*)ptep, pte.val);

    private static ulong flip_protnone_guard(ulong oldval, ulong val, ulong mask)
    {
        if (__pte_needs_invert(oldval) != __pte_needs_invert(val))
            val = (val & ~mask) | (~val & mask);
        return val;
    }

    private static pte_t pte_mksaveddirty(pte_t pte) =>
        (pte.val & (_PAGE_RW | _PAGE_DIRTY)) == _PAGE_DIRTY ? new pte_t((pte.val & ~_PAGE_DIRTY) | _PAGE_SAVED_DIRTY) : pte;

    private static pte_t pte_clear_saveddirty(pte_t pte) =>
        (pte.val & _PAGE_SAVED_DIRTY) != 0 ? new pte_t((pte.val & ~_PAGE_SAVED_DIRTY) | _PAGE_DIRTY) : pte;
}
