// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/mm/pgtable.c, Linux 6.18; preallocate_sub_pgd follows the unmapped-allocation series v2.
namespace Linux;

internal static unsafe class X86Pgtable
{
    /// <summary>A top-level table whose upper half is the kernel's.</summary>
    /// <returns>Its physical address, 0 without memory.</returns>
    [MustCheck]
    internal static ulong pgd_alloc(X86Arch arch)
    {
        page page = alloc_page(GFP_PGTABLE_USER);
        if (page.IS_NULL)
            return 0;
        ulong pgd = page_to_pfn(page) << PAGE_SHIFT;
        pte_t* to = (pte_t*)arch.memory.Host(pgd);
        pte_t* from = (pte_t*)arch.memory.Host(arch.swapper_pg_dir);

        // Kernel entries never change after boot, so that the copy is good forever.
        for (int i = PTRS_PER_PTE / 2; i < PTRS_PER_PTE; i++)
            to[i] = ptep_get(from + i);
        return pgd;
    }

    internal static void pgd_free(X86Arch arch, ulong pgd) => __free_page(pfn_to_page(arch.kernel, pgd >> PAGE_SHIFT));

    /// <summary>Makes the table below one entry of an address space's own top-level table, if there is none.</summary>
    [MustCheck]
    internal static int preallocate_sub_pgd(X86Arch arch, ulong pgd_table, ulong addr)
    {
        pte_t* pgd = (pte_t*)arch.memory.Host(pgd_table) + pgd_index(addr);
        if (!pte_none(ptep_get(pgd)))
            return 0;
        page page = alloc_page(GFP_PGTABLE_USER);
        if (page.IS_NULL)
            return -ENOMEM;
        set_pte(pgd, new pte_t((page_to_pfn(page) << PAGE_SHIFT) | _KERNPG_TABLE));
        return 0;
    }
}
