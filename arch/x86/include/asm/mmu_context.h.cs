// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/include/asm/mmu_context.h, Linux 6.18; the mm-local region follows the unmapped-allocation series v2.
namespace Linux;

/// <summary>What x86 keeps for an address space.</summary>
internal sealed class mm_context_t
{
    internal mm_context_t(X86Arch arch, mm_struct mm)
    {
        this.arch = arch;
        this.mm = mm;
        ctx_id = Interlocked.Increment(ref arch.last_mm_ctx_id);
    }

    internal readonly X86Arch arch;
    internal readonly mm_struct mm;

    /// <summary>Names the address space in the ASID slots of CPUs; never used again for another one.</summary>
    internal readonly long ctx_id;

    /// <summary>Bumped by each flush. A CPU whose slot has a lower number has missed flushes.</summary>
    internal long tlb_gen = 1;

    /// <summary>CPUs that have the address space loaded, or had it and may hold translations that flushes must reach. Interlocked.</summary>
    internal ulong cpu_bitmap;

    /// <summary>The mm-local region has a table.</summary>
    internal bool mm_local_region;
}

internal static unsafe class X86MmuContextH
{
    /// <summary>Gives an address space its own region of kernel addresses, if it has none yet. Under mmap_lock held for writing, or before anybody else knows the mm.</summary>
    [MustCheck]
    internal static int mm_local_region_init(mm_struct mm)
    {
        mm_context_t context = (mm_context_t)mm.context!;
        if (context.mm_local_region)
            return 0;
        int err = X86Pgtable.preallocate_sub_pgd(context.arch, mm.pgd, MM_LOCAL_BASE_ADDR);
        if (err == 0)
            context.mm_local_region = true;
        return err;
    }

    internal static bool mm_local_region_used(mm_struct mm) => ((mm_context_t)mm.context!).mm_local_region;

    /// <summary>Frees the tables of the region. No CPU runs in the address space any more.</summary>
    internal static void mm_local_region_free(mm_struct mm)
    {
        mm_context_t context = (mm_context_t)mm.context!;
        if (!context.mm_local_region)
            return;
        context.mm_local_region = false;
        X86Arch arch = context.arch;
        pte_t* pgd = (pte_t*)arch.memory.Host(mm.pgd) + pgd_index(MM_LOCAL_BASE_ADDR);
        free_tables(arch, ptep_get(pgd), 3);
        set_pte(pgd, default);
    }

    /// <summary>With page-table isolation the user half would share the region's table. The model has one table, so there is nothing to share.</summary>
    internal static void mm_local_map_to_user(mm_struct mm)
    {
        _ = mm;
    }

    internal static void arch_exit_mmap(mm_struct mm) => mm_local_region_free(mm);

    /// <summary>A child starts without a region: what is mapped there belongs to tasks of the parent.</summary>
    internal static int arch_dup_mmap(mm_struct oldmm, mm_struct mm)
    {
        _ = oldmm;
        _ = mm;
        return 0;
    }

    private static void free_tables(X86Arch arch, pte_t table, int level)
    {
        ulong address = table.val & PTE_PFN_MASK;
        if (level > 1)
        {
            pte_t* entries = (pte_t*)arch.memory.Host(address);
            for (int i = 0; i < PTRS_PER_PTE; i++)
            {
                if ((ptep_get(entries + i).val & _PAGE_PRESENT) != 0)
                    free_tables(arch, ptep_get(entries + i), level - 1);
            }
        }

        __free_page(pfn_to_page(arch.kernel, address >> PAGE_SHIFT));
    }
}
