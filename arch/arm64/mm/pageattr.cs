// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/mm/pageattr.c, Linux 7.0.
namespace Linux;

/// <summary>What a change of attributes sets and clears.</summary>
internal readonly record struct page_change_data(pgprot_t set_mask, pgprot_t clear_mask);

internal sealed partial class Arm64Arch
{
    internal bool rodata_full => options.RodataFull;
}

// Presence in the linear map is one bit with two meanings to keep apart: an entry that was taken out has VALID clear and nG set, so that it is
// still "present" for those who walk the tables, and can be made valid again. With KPTI nG is also part of every valid entry: the masks of a
// change overlap, and clearing must come before setting.
internal static unsafe class Pageattr
{
    /// <summary>Whether single pages of the linear map can change. If not, the set_direct_map_* functions do nothing and say that all is well.</summary>
    internal static bool can_set_direct_map(Arm64Arch arch) =>
        arch.rodata_full || arch.options.DebugPagealloc || Arm64Mmu.arm64_kfence_can_set_direct_map(arch) || Arm64Mmu.is_realm_world(arch);

    [MustCheck]
    [MightSleep]
    internal static int set_memory_ro(Arm64Arch arch, ulong addr, ulong numpages) =>
        change_memory_common(arch, addr, numpages, new pgprot_t(PTE_RDONLY), new pgprot_t(PTE_WRITE));

    [MustCheck]
    [MightSleep]
    internal static int set_memory_rw(Arm64Arch arch, ulong addr, ulong numpages) =>
        change_memory_common(arch, addr, numpages, new pgprot_t(PTE_WRITE), new pgprot_t(PTE_RDONLY));

    [MustCheck]
    [MightSleep]
    internal static int set_memory_nx(Arm64Arch arch, ulong addr, ulong numpages) =>
        change_memory_common(arch, addr, numpages, new pgprot_t(PTE_PXN), new pgprot_t(0));

    [MustCheck]
    [MightSleep]
    internal static int set_memory_x(Arm64Arch arch, ulong addr, ulong numpages) =>
        change_memory_common(arch, addr, numpages, new pgprot_t(0), new pgprot_t(PTE_PXN));

    /// <summary>Makes pages of the linear map valid or not. Flushes when it makes them invalid.</summary>
    [MustCheck]
    [MightSleep]
    internal static int set_memory_valid(Arm64Arch arch, ulong addr, ulong numpages, bool enable) => enable
        ? __change_memory_common(arch, addr, PAGE_SIZE * numpages, new pgprot_t(arch.PTE_PRESENT_VALID_KERNEL), new pgprot_t(PTE_PRESENT_INVALID))
        : __change_memory_common(arch, addr, PAGE_SIZE * numpages, new pgprot_t(PTE_PRESENT_INVALID), new pgprot_t(arch.PTE_PRESENT_VALID_KERNEL));

    [MustCheck]
    [MightSleep]
    internal static int set_direct_map_invalid_noflush(Arm64Arch arch, ulong addr)
    {
        if (!can_set_direct_map(arch))
            return 0;
        return update_range_prot(arch, addr, PAGE_SIZE, new pgprot_t(PTE_PRESENT_INVALID), new pgprot_t(arch.PTE_PRESENT_VALID_KERNEL));
    }

    [MustCheck]
    [MightSleep]
    internal static int set_direct_map_default_noflush(Arm64Arch arch, ulong addr)
    {
        if (!can_set_direct_map(arch))
            return 0;
        return update_range_prot(
            arch, addr, PAGE_SIZE, new pgprot_t(arch.PTE_PRESENT_VALID_KERNEL | PTE_WRITE), new pgprot_t(PTE_PRESENT_INVALID | PTE_RDONLY));
    }

    /// <summary>The name notwithstanding this flushes when <paramref name="valid"/> is false.</summary>
    [MustCheck]
    [MightSleep]
    internal static int set_direct_map_valid_noflush(Arm64Arch arch, ulong addr, ulong nr, bool valid)
    {
        if (!can_set_direct_map(arch))
            return 0;
        return set_memory_valid(arch, addr, nr, valid);
    }

    /// <summary>debug_pagealloc: pages leave the map when they are freed and return when they are allocated. All are 4 KiB entries, so it cannot fail.</summary>
    internal static void __kernel_map_pages(Arm64Arch arch, page page, ulong numpages, bool enable)
    {
        if (!can_set_direct_map(arch))
            return;
        _ = set_memory_valid(arch, page_address(page), numpages, enable);
    }

    /// <summary>Whether the linear address of a page translates. A block answers for the pages in it.</summary>
    internal static bool kernel_page_present(Arm64Arch arch, page page)
    {
        ulong addr = page_address(page);
        pte_t pgd = ptep_get((pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(addr));
        if (pte_none(pgd))
            return false;
        pte_t pud = ptep_get((pte_t*)arch.memory.Host(pgd.val & PTE_ADDR_MASK) + pud_index(addr));
        if (pte_none(pud))
            return false;
        if (pud_leaf(pud))
            return pte_valid(pud);
        pte_t pmd = ptep_get((pte_t*)arch.memory.Host(pud.val & PTE_ADDR_MASK) + pmd_index(addr));
        if (pte_none(pmd))
            return false;
        if (pmd_leaf(pmd))
            return pte_valid(pmd);
        return pte_valid(ptep_get((pte_t*)arch.memory.Host(pmd.val & PTE_ADDR_MASK) + pte_index(addr)));
    }

    private static pte_t set_pageattr_masks(pte_t val, in page_change_data masks) => new((val.val & ~masks.clear_mask.val) | masks.set_mask.val);

    private static int pageattr_pud_entry(Arm64Arch arch, pte_t* pud, ulong addr, ulong next, in page_change_data masks) =>
        PageattrLeaf(arch, pud, 3, addr, next - addr == PUD_SIZE, in masks);

    private static int pageattr_pmd_entry(Arm64Arch arch, pte_t* pmd, ulong addr, ulong next, in page_change_data masks) =>
        PageattrLeaf(arch, pmd, 2, addr, next - addr == PMD_SIZE, in masks);

    private static int pageattr_pte_entry(Arm64Arch arch, pte_t* pte, ulong addr, in page_change_data masks) =>
        PageattrLeaf(arch, pte, 1, addr, true, in masks);

    private static int PageattrLeaf(Arm64Arch arch, pte_t* entry, int level, ulong addr, bool whole, in page_change_data masks)
    {
        // Part of a leaf: it should have been split, and on this machine could not be.
        if (WARN_ON_ONCE(!whole, "a change of attributes covers a part of a leaf"))
            return -EINVAL;
        pte_t old = ptep_get(entry);
        pte_t val = set_pageattr_masks(old, in masks);
        set_pte(entry, val);
        arch.LeafChanged(level, addr, old, val);
        return 0;
    }

    /// <summary>
    /// Changes every leaf of a range, larger ones whole. Does not flush. Leaves before the one that an error stopped at keep their new state.
    /// </summary>
    /// <returns>0, -EINVAL for a part of a leaf that cannot be split or ends that are not page aligned, -ENOMEM.</returns>
    [MustCheck]
    [MightSleep]
    private static int update_range_prot(Arm64Arch arch, ulong start, ulong size, pgprot_t set_mask, pgprot_t clear_mask)
    {
        var data = new page_change_data(set_mask, clear_mask);
        int ret = Arm64Mmu.split_kernel_leaf_mapping(arch, start, start + size);
        if (WARN_ON_ONCE(ret != 0, "a leaf of the kernel's tables could not be split"))
            return ret;
        return walk_kernel_page_table_range_lockless(arch, start, start + size, in data);
    }

    // Holes are stepped over: nothing is there that could have attributes.
    private static int walk_kernel_page_table_range_lockless(Arm64Arch arch, ulong addr, ulong end, in page_change_data data)
    {
        int ret = 0;
        for (ulong next; addr != end && ret == 0; addr = next)
        {
            next = pgd_addr_end(addr, end);
            pte_t pgd = ptep_get((pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(addr));
            if (!pte_none(pgd))
                ret = WalkPud(arch, pgd.val & PTE_ADDR_MASK, addr, next, in data);
        }

        return ret;
    }

    private static int WalkPud(Arm64Arch arch, ulong table, ulong addr, ulong end, in page_change_data data)
    {
        int ret = 0;
        for (ulong next; addr != end && ret == 0; addr = next)
        {
            next = pud_addr_end(addr, end);
            pte_t* pud = (pte_t*)arch.memory.Host(table) + pud_index(addr);
            pte_t val = ptep_get(pud);
            if (pte_none(val))
                continue;
            ret = pud_leaf(val) ? pageattr_pud_entry(arch, pud, addr, next, in data) : WalkPmd(arch, val.val & PTE_ADDR_MASK, addr, next, in data);
        }

        return ret;
    }

    private static int WalkPmd(Arm64Arch arch, ulong table, ulong addr, ulong end, in page_change_data data)
    {
        int ret = 0;
        for (ulong next; addr != end && ret == 0; addr = next)
        {
            next = pmd_addr_end(addr, end);
            pte_t* pmd = (pte_t*)arch.memory.Host(table) + pmd_index(addr);
            pte_t val = ptep_get(pmd);
            if (pte_none(val))
                continue;
            ret = pmd_leaf(val) ? pageattr_pmd_entry(arch, pmd, addr, next, in data) : WalkPte(arch, val.val & PTE_ADDR_MASK, addr, next, in data);
        }

        return ret;
    }

    private static int WalkPte(Arm64Arch arch, ulong table, ulong addr, ulong end, in page_change_data data)
    {
        pte_t* pte = (pte_t*)arch.memory.Host(table) + pte_index(addr);
        for (; addr != end; addr += PAGE_SIZE, pte++)
        {
            if (pte_none(ptep_get(pte)))
                continue;
            int ret = pageattr_pte_entry(arch, pte, addr, in data);
            if (ret != 0)
                return ret;
        }

        return 0;
    }

    [MustCheck]
    [MightSleep]
    private static int __change_memory_common(Arm64Arch arch, ulong start, ulong size, pgprot_t set_mask, pgprot_t clear_mask)
    {
        int ret = update_range_prot(arch, start, size, set_mask, clear_mask);

        // What was not valid is in no TLB; a change that only makes entries valid needs no invalidation.
        if (set_mask.val != arch.PTE_PRESENT_VALID_KERNEL || clear_mask.val != PTE_PRESENT_INVALID)
            Arm64TlbflushH.flush_tlb_kernel_range(arch, start, start + size);
        return ret;
    }

    /// <summary>Changes mappings that vmalloc made; anything else may consist of blocks and is not for modules to change.</summary>
    [MustCheck]
    [MightSleep]
    private static int change_memory_common(Arm64Arch arch, ulong addr, ulong numpages, pgprot_t set_mask, pgprot_t clear_mask)
    {
        ulong start = addr & PAGE_MASK;
        if (WARN_ON_ONCE(start != addr, "address is not page aligned"))
            addr = start;
        ulong size = PAGE_SIZE * numpages;
        if (addr < VMALLOC_START || addr + size > VMALLOC_END || addr + size < addr)
            return -EINVAL;
        return numpages == 0 ? 0 : __change_memory_common(arch, start, size, set_mask, clear_mask);
    }
}
