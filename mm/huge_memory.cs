// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/huge_memory.c, Linux 6.18.
namespace Linux;

// A huge page is modelled by what user space can tell of it: the first touch of an area that asked for huge pages brings in the whole aligned
// range at once. It is made of small pages behind one table, and the table remembers that it stands for a huge entry. While it does, emptying all
// of it makes it ask for a huge page again, as an empty huge entry would; whatever takes a part of it turns it into an ordinary table for good.
internal static unsafe class HugeMemory
{
    internal const int HPAGE_PMD_NR = PTRS_PER_PTE;

    /// <summary>Whether a fault at the address may bring in a huge page: asked for by madvise, private, and with room for it.</summary>
    internal static bool thp_vma_allowable_order(vm_area_struct vma, ulong address)
    {
        if ((vma.vm_flags & (VM_HUGEPAGE | VM_NOHUGEPAGE | VM_SPECIAL | VM_HUGETLB | VM_SHARED)) != VM_HUGEPAGE || !vma_is_anonymous(vma))
            return false;
        ulong haddr = address & PMD_MASK;
        return haddr >= vma.vm_start && haddr + PMD_SIZE <= vma.vm_end;
    }

    internal static bool StandsForHugeEntry(Kernel kernel, ulong table) => pfn_to_page(kernel, table >> PAGE_SHIFT).Frame->@private != 0;

    /// <summary>From here on the table is an ordinary one.</summary>
    internal static void split_huge_pmd(Kernel kernel, ulong table) => pfn_to_page(kernel, table >> PAGE_SHIFT).Frame->@private = 0;

    /// <summary>Brings in a whole range: zeroed pages for a store, the zero page everywhere for a load.</summary>
    /// <returns>VM_FAULT_FALLBACK without memory for all of it, so that the caller brings in one page.</returns>
    [MightSleep]
    internal static vm_fault_t do_huge_pmd_anonymous_page(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        if (anon_vma_prepare(vma) != 0)
            return vm_fault_t.VM_FAULT_OOM;
        ulong table = pte_alloc(mm, vmf.address);
        if (table == 0)
            return vm_fault_t.VM_FAULT_OOM;
        if ((vmf.flags & fault_flag.FAULT_FLAG_WRITE) != 0)
            return Fill(task, vma, table, fault: true) == 0 ? vm_fault_t.NONE : vm_fault_t.VM_FAULT_FALLBACK;

        pte_t zero = mm.arch.pfn_pte(mm.kernel.zero_pfn, vma.vm_page_prot);
        ulong* pte = (ulong*)mm.memory.Host(table);
        spin_lock(mm.page_table_lock);
        for (int i = 0; i < HPAGE_PMD_NR; i++)
        {
            if (ptep_get(pte + i).val == 0)
                set_pte_at(task, pte + i, zero);
        }

        pfn_to_page(mm.kernel, table >> PAGE_SHIFT).Frame->@private = 1;
        spin_unlock(mm.page_table_lock);
        return vm_fault_t.NONE;
    }

    /// <summary>Gives every entry of a table that is empty, or shows the zero page, a page of its own.</summary>
    /// <param name="task">The current task.</param>
    /// <param name="vma">The area, which covers all of the table and has a family.</param>
    /// <param name="table">The table.</param>
    /// <param name="fault">Whether for a store, which makes entries young and dirty.</param>
    /// <returns>0; -ENOMEM with nothing changed; -EINVAL if markers are in the way.</returns>
    [MightSleep]
    internal static int Fill(task_struct task, vm_area_struct vma, ulong table, bool fault)
    {
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        folio* pages = stackalloc folio[HPAGE_PMD_NR];
        int have = 0;
        int used = 0;
        int ret = 0;
        while (have < HPAGE_PMD_NR)
        {
            folio folio = folio_alloc(GFP_HIGHUSER_MOVABLE | __GFP_ZERO | __GFP_NOWARN, 0);
            if (folio.IS_NULL)
            {
                ret = -ENOMEM;
                goto @out;
            }

            pages[have++] = folio;
        }

        ulong* pte = (ulong*)mm.memory.Host(table);
        bool replaced = false;
        spin_lock(mm.page_table_lock);
        for (int i = 0; i < HPAGE_PMD_NR; i++)
        {
            pte_t old = ptep_get(pte + i);
            if (old.val != 0 && !arch.pte_present(old))
                ret = -EINVAL;
        }

        for (int i = 0; i < HPAGE_PMD_NR && ret == 0; i++)
        {
            pte_t old = ptep_get(pte + i);
            if (old.val != 0 && !is_zero_pfn(mm.kernel, arch.pte_pfn(old)))
                continue;
            replaced |= old.val != 0;
            folio folio = pages[used++];
            pte_t entry = arch.pfn_pte(folio_pfn(folio), vma.vm_page_prot);
            if ((vma.vm_flags & VM_WRITE) != 0)
                entry = arch.pte_mkwrite(arch.pte_mkdirty(entry));
            folio_add_new_anon_rmap(task, folio, vma);
            mlock_vma_folio(task, folio, vma);
            mm.rss_anon++;
            set_pte_at(task, pte + i, fault ? arch.pte_mkyoung(entry) : entry);
        }

        if (ret == 0)
            pfn_to_page(mm.kernel, table >> PAGE_SHIFT).Frame->@private = 1;
        if (replaced)
            arch.flush_tlb_mm_range(mm, 0, mm.task_size, PAGE_SHIFT, freed_tables: false);
        spin_unlock(mm.page_table_lock);
    @out:
        while (have > used)
            folio_put(pages[--have]);
        return ret;
    }
}
