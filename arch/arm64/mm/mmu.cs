// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/mm/mmu.c, Linux 6.18.
namespace Linux;

// The linear map is built from the largest leaves that its alignment and the flags allow; runs of sixteen PTEs or PMDs carry the contiguous
// hint. A leaf is only ever replaced by a table of smaller ones on CPUs with BBML2_NOABORT, which may hold the old and the new shape at the
// same time: so a split invalidates nothing. Elsewhere everything that may ever change is mapped by pages from boot on.
//
// pgtable_split_lock (a mutex: the allocation of a table sleeps) serialises splits. Those who change attributes of leaves that are theirs do
// not take it; they call split_kernel_leaf_mapping() first.

internal sealed unsafe partial class Arm64Arch
{
    /// <summary>Physical address of the kernel's top-level table (TTBR1).</summary>
    internal ulong swapper_pg_dir;

    /// <summary>An empty table for the lower half while no user address space is loaded (TTBR0).</summary>
    internal ulong reserved_pg_dir;

    /// <summary>The linear map was built with larger leaves only because the first CPU could split them.</summary>
    internal bool linear_map_requires_bbml2;

    /// <summary>It is known what all CPUs have.</summary>
    internal bool system_capabilities_finalized;

    internal readonly mutex pgtable_split_lock;

    /// <summary>Leaves of the linear map by level 1 to 3, valid or not. Changed at boot and under the lock.</summary>
    [GuardedBy(nameof(pgtable_split_lock))]
    internal readonly long[] leaves = new long[4];

    /// <summary>Splits since boot: of a PUD into PMDs, of a PMD into PTEs, and of runs of sixteen that lost the contiguous hint.</summary>
    [GuardedBy(nameof(pgtable_split_lock))]
    internal long PudSplits;

    [GuardedBy(nameof(pgtable_split_lock))]
    internal long PmdSplits;

    [GuardedBy(nameof(pgtable_split_lock))]
    internal long ContPmdSplits;

    [GuardedBy(nameof(pgtable_split_lock))]
    internal long ContPteSplits;

    /// <summary>Parts of the kernel image by physical address: text, constants, then data up to the end.</summary>
    internal ulong _stext;
    internal ulong __init_begin;

    internal bool cpu_supports_bbml2_noabort => (machine.Config.Features & CpuFeatures.ArmBbml2NoAbort) != 0;

    internal bool system_supports_bbml2_noabort => cpu_supports_bbml2_noabort && (machine.CpuCount == 1 || !options.LateCpusLackBbml2);
}

internal static unsafe class Arm64Mmu
{
    internal const int NO_BLOCK_MAPPINGS = 1 << 0;
    internal const int NO_CONT_MAPPINGS = 1 << 1;
    private const ulong INVALID_PHYS_ADDR = ulong.MaxValue;

    /// <summary>Builds the kernel's tables.</summary>
    internal static void paging_init(Arm64Arch arch)
    {
        arch.swapper_pg_dir = early_table(arch);
        arch.reserved_pg_dir = early_table(arch);
        map_mem(arch);
    }

    /// <summary>All CPUs are up: what the first one promised for all may turn out wrong, and the image's alias becomes read-only.</summary>
    internal static void setup_system_features(Arm64Arch arch)
    {
        arch.system_capabilities_finalized = true;
        linear_map_maybe_split_to_ptes(arch);
        mark_linear_text_alias_ro(arch);
    }

    /// <summary>Whether the linear map must consist of pages only.</summary>
    internal static bool force_pte_mapping(Arm64Arch arch)
    {
        bool bbml2 = arch.system_capabilities_finalized ? arch.system_supports_bbml2_noabort : arch.cpu_supports_bbml2_noabort;

        // Changes pages from atomic context, where a split cannot get a table.
        if (arch.options.DebugPagealloc)
            return true;
        if (bbml2)
            return false;
        return arch.options.RodataFull || arm64_kfence_can_set_direct_map(arch) || is_realm_world(arch);
    }

    internal static bool arm64_kfence_can_set_direct_map(Arm64Arch arch) => arch.options.LateKfence;

    internal static bool is_realm_world(Arm64Arch arch) => arch.options.RealmWorld;

    /// <summary>
    /// Makes both ends of a range ends of leaves, so that a change of attributes meets whole leaves only. Splits no further than that. Where
    /// leaves cannot be split it is left to the change itself to find out.
    /// </summary>
    /// <returns>0, -EINVAL for ends that are not page aligned, -ENOMEM; larger leaves that were split before the error stay split.</returns>
    [MustCheck]
    [MightSleep]
    internal static int split_kernel_leaf_mapping(Arm64Arch arch, ulong start, ulong end)
    {
        if (!split_leaf_mapping_possible(arch))
            return 0;
        if (start != PAGE_ALIGN(start) || end != PAGE_ALIGN(end))
            return -EINVAL;

        mutex_lock(arch.pgtable_split_lock);
        int ret;
        if (end - start == PAGE_SIZE)
        {
            // Both ends lie in, or at an end of, one contiguous run; the split at the end with the lower alignment goes down to pages and makes
            // the other one an end of a leaf too.
            ret = split_kernel_leaf_mapping_locked(arch, LowestBit(start) < LowestBit(end) ? start : end);
        }
        else
        {
            ret = split_kernel_leaf_mapping_locked(arch, start);
            if (ret == 0)
                ret = split_kernel_leaf_mapping_locked(arch, end);
        }

        mutex_unlock(arch.pgtable_split_lock);
        return ret;
    }

    /// <summary>Maps a range of physical memory with the largest leaves that alignment and flags allow. What is mapped at the same shape changes its rights.</summary>
    internal static void __create_pgd_mapping_locked(Arm64Arch arch, ulong phys, ulong virt, ulong size, pgprot_t prot, int flags)
    {
        if (WARN_ON_ONCE(((phys ^ virt) & ~PAGE_MASK) != 0, "physical and virtual address differ below the page"))
            return;
        phys &= PAGE_MASK;
        ulong addr = virt & PAGE_MASK;
        ulong end = PAGE_ALIGN(virt + size);
        for (ulong next; addr != end; phys += next - addr, addr = next)
        {
            next = pgd_addr_end(addr, end);
            alloc_init_pud(arch, (pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(addr), addr, next, phys, prot, flags);
        }
    }

    /// <summary>Text and constants must not be writable by their linear address either.</summary>
    internal static void mark_linear_text_alias_ro(Arm64Arch arch)
    {
        if (arch.__init_begin == arch._stext)
            return;
        ulong start = __phys_to_virt(arch, arch._stext);
        ulong size = arch.__init_begin - arch._stext;
        __create_pgd_mapping_locked(arch, arch._stext, start, size, new pgprot_t(_PAGE_KERNEL_RO | arch.PTE_MAYBE_NG), NO_CONT_MAPPINGS);
        Arm64TlbflushH.flush_tlb_kernel_range(arch, start, start + size);
    }

    private static void map_mem(Arm64Arch arch)
    {
        int flags = 0;
        if (force_pte_mapping(arch))
            flags |= NO_BLOCK_MAPPINGS | NO_CONT_MAPPINGS;

        // Without the feature, and with pages in no other case, blocks will have to go should a later CPU lack it.
        arch.linear_map_requires_bbml2 = flags == 0 && Pageattr.can_set_direct_map(arch);

        PhysicalRange image = arch.kernel.kernel_image;
        ulong third = (image.Bytes / 3) & PMD_MASK;
        arch._stext = image.Start;
        arch.__init_begin = image.Start + (2 * third);

        // Its rights change later, by entries of the same shape: no contiguous runs, and no leaf that reaches beyond its ends.
        foreach (PhysicalRange range in arch.memory.Ranges)
        {
            __map_memblock(arch, range.Start, Math.Max(range.Start, Math.Min(range.End, arch._stext)), flags);
            __map_memblock(arch, Math.Max(range.Start, arch.__init_begin), range.End, flags);
        }

        __map_memblock(arch, arch._stext, arch.__init_begin, flags | NO_CONT_MAPPINGS);
    }

    private static void __map_memblock(Arm64Arch arch, ulong start, ulong end, int flags)
    {
        if (start < end)
            __create_pgd_mapping_locked(arch, start, __phys_to_virt(arch, start), end - start, arch.PAGE_KERNEL, flags);
    }

    private static void alloc_init_pud(Arm64Arch arch, pte_t* pgdp, ulong addr, ulong end, ulong phys, pgprot_t prot, int flags)
    {
        pte_t* pudp = (pte_t*)arch.memory.Host(EarlyTable(arch, pgdp)) + pud_index(addr);
        for (ulong next; addr != end; phys += next - addr, addr = next, pudp++)
        {
            next = pud_addr_end(addr, end);
            pte_t old = ptep_get(pudp);
            if (((addr | next | phys) & ~PUD_MASK) == 0 && (flags & NO_BLOCK_MAPPINGS) == 0 && (pte_none(old) || pud_leaf(old)))
                SetLeaf(arch, pudp, 3, addr, pfn_sect(phys >> PAGE_SHIFT, prot));
            else
                alloc_init_cont_pmd(arch, pudp, addr, next, phys, prot, flags);
        }
    }

    private static void alloc_init_cont_pmd(Arm64Arch arch, pte_t* pudp, ulong addr, ulong end, ulong phys, pgprot_t prot, int flags)
    {
        pte_t* pmds = (pte_t*)arch.memory.Host(EarlyTable(arch, pudp));
        for (ulong next; addr != end; phys += next - addr, addr = next)
        {
            next = AddrEnd(addr, end, CONT_PMD_SIZE);
            pgprot_t __prot = prot;
            if (((addr | next | phys) & ~CONT_PMD_MASK) == 0 && (flags & NO_CONT_MAPPINGS) == 0)
                __prot = new pgprot_t(prot.val | PTE_CONT);
            init_pmd(arch, pmds + pmd_index(addr), addr, next, phys, __prot, flags);
        }
    }

    private static void init_pmd(Arm64Arch arch, pte_t* pmdp, ulong addr, ulong end, ulong phys, pgprot_t prot, int flags)
    {
        for (ulong next; addr != end; phys += next - addr, addr = next, pmdp++)
        {
            next = pmd_addr_end(addr, end);
            pte_t old = ptep_get(pmdp);
            if (((addr | next | phys) & ~PMD_MASK) == 0 && (flags & NO_BLOCK_MAPPINGS) == 0 && (pte_none(old) || pmd_leaf(old)))
                SetLeaf(arch, pmdp, 2, addr, pfn_sect(phys >> PAGE_SHIFT, prot));
            else
                alloc_init_cont_pte(arch, pmdp, addr, next, phys, new pgprot_t(prot.val & ~PTE_CONT), flags);
        }
    }

    private static void alloc_init_cont_pte(Arm64Arch arch, pte_t* pmdp, ulong addr, ulong end, ulong phys, pgprot_t prot, int flags)
    {
        pte_t* ptes = (pte_t*)arch.memory.Host(EarlyTable(arch, pmdp));
        for (ulong next; addr != end; phys += next - addr, addr = next)
        {
            next = AddrEnd(addr, end, CONT_PTE_SIZE);
            pgprot_t __prot = prot;
            if (((addr | next | phys) & ~CONT_PTE_MASK) == 0 && (flags & NO_CONT_MAPPINGS) == 0)
                __prot = new pgprot_t(prot.val | PTE_CONT);
            init_pte(arch, ptes + pte_index(addr), addr, next, phys, __prot);
        }
    }

    private static void init_pte(Arm64Arch arch, pte_t* ptep, ulong addr, ulong end, ulong phys, pgprot_t prot)
    {
        for (; addr != end; addr += PAGE_SIZE, phys += PAGE_SIZE, ptep++)
            SetLeaf(arch, ptep, 1, addr, pfn_pte(phys >> PAGE_SHIFT, prot));
    }

    [ContextUnsafe("boot: one CPU runs")]
    private static void SetLeaf(Arm64Arch arch, pte_t* entry, int level, ulong addr, pte_t val)
    {
        if (pte_none(ptep_get(entry)) && __is_lm_address(addr))
            arch.leaves[level]++;
        set_pte(entry, val);
    }

    // The table below an entry, made if there is none. At boot, so it is never freed.
    private static ulong EarlyTable(Arm64Arch arch, pte_t* entry)
    {
        pte_t val = ptep_get(entry);
        if (!pte_none(val))
        {
            BUG_ON(!pmd_table(val), "a larger leaf is in the way of a mapping");
            return val.val & PTE_ADDR_MASK;
        }

        ulong table = early_table(arch);
        set_pte(entry, new pte_t(table | PMD_TYPE_TABLE | PMD_TABLE_UXN | PTE_AF));
        return table;
    }

    private static ulong early_table(Arm64Arch arch)
    {
        ulong table = pgd_pgtable_alloc_init_mm_gfp(arch, GFP_ATOMIC);
        return table != INVALID_PHYS_ADDR ? table : throw new MachineException("the machine has too little memory for the kernel's page tables");
    }

    private static ulong pgd_pgtable_alloc_init_mm_gfp(Arm64Arch arch, gfp_t gfp)
    {
        if (arch.kernel.memblock_open)
        {
            ulong early = Memblock.memblock_phys_alloc(arch.kernel, PAGE_SIZE, PAGE_SIZE);
            return early != 0 ? early : INVALID_PHYS_ADDR;
        }

        page page = alloc_page(gfp | gfp_t.__GFP_ZERO);
        return page.IS_NULL ? INVALID_PHYS_ADDR : page_to_pfn(page) << PAGE_SHIFT;
    }

    private static ulong try_pgd_pgtable_alloc_init_mm(Arm64Arch arch) => pgd_pgtable_alloc_init_mm_gfp(arch, GFP_PGTABLE_KERNEL);

    private static bool split_leaf_mapping_possible(Arm64Arch arch) => arch.system_supports_bbml2_noabort && !force_pte_mapping(arch);

    /// <summary>Makes an address the end of a leaf: PUD, contiguous PMDs, PMD, contiguous PTEs, and stops at the first that it is an end of already.</summary>
    [MustHold("arch.pgtable_split_lock")]
    private static int split_kernel_leaf_mapping_locked(Arm64Arch arch, ulong addr)
    {
        pte_t pgd = ptep_get((pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(addr));
        if (!pte_present(pgd))
            return 0;

        if ((addr & ~PUD_MASK) == 0)
            return 0;
        pte_t* pudp = (pte_t*)arch.memory.Host(pgd.val & PTE_ADDR_MASK) + pud_index(addr);
        pte_t pud = ptep_get(pudp);
        if (!pte_present(pud))
            return 0;
        if (pud_leaf(pud))
        {
            int ret = split_pud(arch, pudp, pud, true, try_pgd_pgtable_alloc_init_mm(arch));
            if (ret != 0)
                return ret;
            CountSplit(arch, 3, addr);
            pud = ptep_get(pudp);
        }

        if ((addr & ~CONT_PMD_MASK) == 0)
            return 0;
        pte_t* pmdp = (pte_t*)arch.memory.Host(pud.val & PTE_ADDR_MASK) + pmd_index(addr);
        pte_t pmd = ptep_get(pmdp);
        if (!pte_present(pmd))
            return 0;
        if (pmd_leaf(pmd))
        {
            if (pte_cont(pmd))
                split_contpmd(arch, pmdp);
            if ((addr & ~PMD_MASK) == 0)
                return 0;
            int ret = split_pmd(arch, pmdp, ptep_get(pmdp), true, try_pgd_pgtable_alloc_init_mm(arch));
            if (ret != 0)
                return ret;
            CountSplit(arch, 2, addr);
            pmd = ptep_get(pmdp);
        }

        if ((addr & ~CONT_PTE_MASK) == 0)
            return 0;
        pte_t* ptep = (pte_t*)arch.memory.Host(pmd.val & PTE_ADDR_MASK) + pte_index(addr);
        pte_t pte = ptep_get(ptep);
        if (pte_present(pte) && pte_cont(pte))
            split_contpte(arch, ptep);
        return 0;
    }

    [MustHold("arch.pgtable_split_lock")]
    private static void split_contpte(Arm64Arch arch, pte_t* ptep)
    {
        ptep = AlignDown(ptep, CONT_PTES);
        for (int i = 0; i < CONT_PTES; i++, ptep++)
            set_pte(ptep, pte_mknoncont(ptep_get(ptep)));
        arch.this_cpu().Count(HwEvent.PteWrite4K, CONT_PTES);
        arch.ContPteSplits++;
    }

    [MustHold("arch.pgtable_split_lock")]
    private static void split_contpmd(Arm64Arch arch, pte_t* pmdp)
    {
        pmdp = AlignDown(pmdp, CONT_PMDS);
        for (int i = 0; i < CONT_PMDS; i++, pmdp++)
            set_pte(pmdp, pte_mknoncont(ptep_get(pmdp)));
        arch.this_cpu().Count(HwEvent.PteWrite2M, CONT_PMDS);
        arch.ContPmdSplits++;
    }

    /// <summary>Replaces a block by a table of pages with its attributes. One that is not valid becomes pages that are not valid.</summary>
    private static int split_pmd(Arm64Arch arch, pte_t* pmdp, pte_t pmd, bool to_cont, ulong pte_phys)
    {
        if (pte_phys == INVALID_PHYS_ADDR)
            return -ENOMEM;
        ulong tableprot = PMD_TYPE_TABLE | PMD_TABLE_UXN | PTE_AF;
        ulong pfn = pte_pfn(pmd);
        ulong prot = pte_pgprot(pmd).val;
        if ((prot & PMD_SECT_PXN) != 0)
            tableprot |= PMD_TABLE_PXN;

        // The type of a page includes the valid bit.
        prot = (prot & ~PTE_TYPE_MASK) | PTE_TYPE_PAGE;
        if (!pte_valid(pmd))
            prot = (prot & ~PTE_VALID) | PTE_PRESENT_INVALID;
        prot = to_cont ? prot | PTE_CONT : prot & ~PTE_CONT;

        pte_t* ptep = (pte_t*)arch.memory.Host(pte_phys);
        for (int i = 0; i < PTRS_PER_PTE; i++, ptep++, pfn++)
            set_pte(ptep, pfn_pte(pfn, new pgprot_t(prot)));

        // The store of a pointer to the table comes after those of its entries.
        set_pte(pmdp, new pte_t(pte_phys | tableprot));
        Replaced(arch, 2);
        current.kernel.Tracepoints.DirectMapSplit.Trace(pte_pfn(pmd), 2);
        return 0;
    }

    private static int split_pud(Arm64Arch arch, pte_t* pudp, pte_t pud, bool to_cont, ulong pmd_phys)
    {
        if (pmd_phys == INVALID_PHYS_ADDR)
            return -ENOMEM;
        ulong tableprot = PMD_TYPE_TABLE | PUD_TABLE_UXN | PTE_AF;
        ulong pfn = pte_pfn(pud);
        ulong prot = pte_pgprot(pud).val;
        if ((prot & PUD_SECT_PXN) != 0)
            tableprot |= PUD_TABLE_PXN;

        // Type and valid bit stay as they are: a block becomes blocks.
        prot = to_cont ? prot | PTE_CONT : prot & ~PTE_CONT;
        pte_t* pmdp = (pte_t*)arch.memory.Host(pmd_phys);
        for (int i = 0; i < PTRS_PER_PTE; i++, pmdp++, pfn += PMD_SIZE >> PAGE_SHIFT)
            set_pte(pmdp, pfn_pte(pfn, new pgprot_t(prot)));

        set_pte(pudp, new pte_t(pmd_phys | tableprot));
        Replaced(arch, 3);
        current.kernel.Tracepoints.DirectMapSplit.Trace(pte_pfn(pud), 3);
        return 0;
    }

    /// <summary>Every block of a range becomes pages. All other CPUs are stopped, so nobody uses the entries meanwhile.</summary>
    private static int range_split_to_ptes(Arm64Arch arch, ulong start, ulong end)
    {
        for (ulong addr = start; addr < end;)
        {
            pte_t pgd = ptep_get((pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(addr));
            pte_t* pudp = (pte_t*)arch.memory.Host(pgd.val & PTE_ADDR_MASK) + pud_index(addr);
            if (pte_none(pgd) || pte_none(ptep_get(pudp)))
            {
                addr = pud_addr_end(addr, end);
                continue;
            }

            if (pud_leaf(ptep_get(pudp)))
            {
                int ret = split_pud(arch, pudp, ptep_get(pudp), false, pgd_pgtable_alloc_init_mm_gfp(arch, GFP_ATOMIC));
                if (ret != 0)
                    return ret;
            }

            pte_t* pmdp = (pte_t*)arch.memory.Host(ptep_get(pudp).val & PTE_ADDR_MASK) + pmd_index(addr);
            if (pmd_leaf(ptep_get(pmdp)))
            {
                if (pte_cont(ptep_get(pmdp)))
                    ClearContiguous(AlignDown(pmdp, CONT_PMDS), CONT_PMDS);
                int ret = split_pmd(arch, pmdp, ptep_get(pmdp), false, pgd_pgtable_alloc_init_mm_gfp(arch, GFP_ATOMIC));
                if (ret != 0)
                    return ret;
            }
            else if (pmd_table(ptep_get(pmdp)))
            {
                ClearContiguous((pte_t*)arch.memory.Host(ptep_get(pmdp).val & PTE_ADDR_MASK), PTRS_PER_PTE);
            }

            addr = pmd_addr_end(addr, end);
        }

        return 0;
    }

    private static void ClearContiguous(pte_t* entry, int count)
    {
        for (int i = 0; i < count; i++, entry++)
            set_pte(entry, pte_mknoncont(ptep_get(entry)));
    }

    private static void linear_map_split_to_ptes(Arm64Arch arch)
    {
        foreach (PhysicalRange range in arch.memory.Ranges)
        {
            int ret = range_split_to_ptes(arch, __phys_to_virt(arch, range.Start), __phys_to_virt(arch, range.End));
            if (ret != 0)
                throw new KernelOops("Kernel panic - not syncing: Failed to split linear map");
        }

        Arm64TlbflushH.flush_tlb_all(arch);
    }

    private static void linear_map_maybe_split_to_ptes(Arm64Arch arch)
    {
        if (arch.linear_map_requires_bbml2 && !arch.system_supports_bbml2_noabort)
            linear_map_split_to_ptes(arch);
    }

    [ContextUnsafe("under the lock, or at boot while other CPUs are stopped")]
    private static void Replaced(Arm64Arch arch, int level)
    {
        arch.leaves[level]--;
        arch.leaves[level - 1] += PTRS_PER_PTE;
    }

    [MustHold("arch.pgtable_split_lock")]
    private static void CountSplit(Arm64Arch arch, int level, ulong addr)
    {
        arch.this_cpu().Count(level == 2 ? HwEvent.SplitLeaf2M : HwEvent.SplitLeaf1G);
        BUG_ON(!__is_lm_address(addr - 1), "only the linear map has blocks");
        if (level == 2)
            arch.PmdSplits++;
        else
            arch.PudSplits++;
    }

    private static pte_t* AlignDown(pte_t* entry, int count) => (pte_t*)((nuint)entry & ~(((nuint)count * 8) - 1));

    private static int LowestBit(ulong value) => System.Numerics.BitOperations.TrailingZeroCount(value);

    private static ulong AddrEnd(ulong addr, ulong end, ulong size)
    {
        ulong boundary = (addr + size) & ~(size - 1);
        return boundary - 1 < end - 1 ? boundary : end;
    }
}
