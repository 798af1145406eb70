// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/mm/pat/set_memory.c, Linux 6.18.
using System.Text;

namespace Linux;

// Locks, outer to inner:
//
//   init_mm.mmap_lock   frees of kernel page tables against dumps of them; sleeps
//     cpa_lock          one change of attributes at a time; dropped around the allocation of a table
//       pgd_lock        shape of the kernel's tables and the counts of leaves; held across the flush of a split
//
// Both spin with interrupts on: the flush inside a split waits for CPUs that may spin on either.

/// <summary>One request of a change of attributes, as it moves along its range.</summary>
internal unsafe struct cpa_data
{
    internal Kernel kernel;
    internal X86Arch arch;

    /// <summary>First address, or the array of addresses (CPA_ARRAY).</summary>
    internal ulong* vaddr;

    /// <summary>The pages (CPA_PAGES_ARRAY).</summary>
    internal page[]? pages;
    internal ulong mask_set;
    internal ulong mask_clr;

    /// <summary>In: pages left. Out of each step: pages done.</summary>
    internal ulong numpages;
    internal ulong curpage;
    internal ulong pfn;
    internal uint flags;
    internal bool force_split;
    internal bool force_static_prot;
    internal bool force_flush_all;
}

internal enum cpa_warn
{
    CPA_CONFLICT,
    CPA_PROTECT,
    CPA_DETECT,
}

internal sealed unsafe partial class X86Arch
{
    /// <summary>
    /// Serialises changes of attributes, so that no CPU rewrites an entry through a large leaf that another one splits. Not needed, and not
    /// taken, when debug_pagealloc keeps the whole map in 4K leaves.
    /// </summary>
    [AcquiredBefore(nameof(pgd_lock))]
    internal readonly spinlock_t cpa_lock;

    /// <summary>Leaves of the direct map by level, PG_LEVEL_NONE to PG_LEVEL_1G; present or not makes no difference.</summary>
    [GuardedBy(nameof(pgd_lock))]
    internal readonly long[] direct_pages_count = new long[(int)pg_level.PG_LEVEL_512G];

    internal long direct_map_level2_splits;
    internal long direct_map_level3_splits;
    internal long direct_map_level2_collapses;
    internal long direct_map_level3_collapses;
}

internal static unsafe class SetMemory
{
    internal const uint CPA_FLUSHTLB = 1;
    internal const uint CPA_ARRAY = 2;
    internal const uint CPA_PAGES_ARRAY = 4;

    /// <summary>Neither look for other mappings of the pages, nor change those.</summary>
    internal const uint CPA_NO_CHECK_ALIAS = 8;

    /// <summary>Try to put large leaves back together afterwards.</summary>
    internal const uint CPA_COLLAPSE = 16;

    internal static void update_page_count(X86Arch arch, pg_level level, ulong pages)
    {
        spin_lock(arch.pgd_lock);
        arch.direct_pages_count[(int)level] += (long)pages;
        spin_unlock(arch.pgd_lock);
    }

    [MustHold("arch.pgd_lock")]
    internal static void split_page_count(X86Arch arch, pg_level level)
    {
        if (arch.direct_pages_count[(int)level] == 0)
            return;
        arch.direct_pages_count[(int)level]--;
        if (arch.kernel.system_state == system_states.SYSTEM_RUNNING)
        {
            if (level == pg_level.PG_LEVEL_2M)
                arch.direct_map_level2_splits++;
            else if (level == pg_level.PG_LEVEL_1G)
                arch.direct_map_level3_splits++;
        }

        arch.direct_pages_count[(int)level - 1] += PTRS_PER_PTE;
    }

    [MustHold("arch.pgd_lock")]
    internal static void collapse_page_count(X86Arch arch, pg_level level)
    {
        arch.direct_pages_count[(int)level]++;
        if (arch.kernel.system_state == system_states.SYSTEM_RUNNING)
        {
            if (level == pg_level.PG_LEVEL_2M)
                arch.direct_map_level2_collapses++;
            else if (level == pg_level.PG_LEVEL_1G)
                arch.direct_map_level3_collapses++;
        }

        arch.direct_pages_count[(int)level - 1] -= PTRS_PER_PTE;
    }

    /// <summary>The DirectMap lines of /proc/meminfo.</summary>
    internal static void arch_report_meminfo(X86Arch arch, StringBuilder m)
    {
        m.Append($"DirectMap4k:    {Volatile.Read(ref arch.direct_pages_count[(int)pg_level.PG_LEVEL_4K]) << 2,8} kB\n");
        m.Append($"DirectMap2M:    {Volatile.Read(ref arch.direct_pages_count[(int)pg_level.PG_LEVEL_2M]) << 11,8} kB\n");
        if (arch.direct_gbpages)
            m.Append($"DirectMap1G:    {Volatile.Read(ref arch.direct_pages_count[(int)pg_level.PG_LEVEL_1G]) << 20,8} kB\n");
    }

    /// <summary>
    /// Finds the entry that maps an address, or the first one on the way that is not present; null where the way ends in an empty entry.
    /// </summary>
    internal static pte_t* lookup_address_in_pgd_attr(X86Arch arch, ulong pgd_table, ulong address, out pg_level level, out bool nx, out bool rw)
    {
        level = pg_level.PG_LEVEL_256T;
        nx = false;
        rw = true;
        pte_t* entry = (pte_t*)arch.memory.Host(pgd_table) + pgd_index(address);
        pte_t val = ptep_get(entry);
        if (pte_none(val))
            return null;
        nx |= (val.val & _PAGE_NX) != 0;
        rw &= (val.val & _PAGE_RW) != 0;

        level = pg_level.PG_LEVEL_1G;
        entry = (pte_t*)arch.memory.Host(val.val & PTE_PFN_MASK) + pud_index(address);
        val = ptep_get(entry);
        if (pte_none(val))
            return null;
        if (pud_end(val))
            return entry;
        nx |= (val.val & _PAGE_NX) != 0;
        rw &= (val.val & _PAGE_RW) != 0;

        level = pg_level.PG_LEVEL_2M;
        entry = (pte_t*)arch.memory.Host(val.val & PTE_PFN_MASK) + pmd_index(address);
        val = ptep_get(entry);
        if (pte_none(val))
            return null;
        if (pmd_end(val))
            return entry;
        nx |= (val.val & _PAGE_NX) != 0;
        rw &= (val.val & _PAGE_RW) != 0;

        level = pg_level.PG_LEVEL_4K;
        return (pte_t*)arch.memory.Host(val.val & PTE_PFN_MASK) + pte_index(address);
    }

    internal static pte_t* lookup_address_in_pgd(X86Arch arch, ulong pgd_table, ulong address, out pg_level level) =>
        lookup_address_in_pgd_attr(arch, pgd_table, address, out level, out _, out _);

    /// <summary>The kernel's entry for an address.</summary>
    internal static pte_t* lookup_address(X86Arch arch, ulong address, out pg_level level) =>
        lookup_address_in_pgd(arch, arch.swapper_pg_dir, address, out level);

    /// <summary>The PMD entry for an address; null where a larger leaf or nothing is.</summary>
    internal static pte_t* lookup_pmd_address(X86Arch arch, ulong address)
    {
        pte_t pgd = ptep_get((pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(address));
        if (pte_none(pgd))
            return null;
        pte_t pud = ptep_get((pte_t*)arch.memory.Host(pgd.val & PTE_PFN_MASK) + pud_index(address));
        if (pte_none(pud) || pud_leaf(pud) || !pud_present(pud))
            return null;
        return (pte_t*)arch.memory.Host(pud.val & PTE_PFN_MASK) + pmd_index(address);
    }

    [MustCheck]
    internal static int set_memory_x(X86Arch arch, ulong addr, ulong numpages)
    {
        if ((arch.supported_pte_mask & _PAGE_NX) == 0)
            return 0;
        return change_page_attr_clear(arch, &addr, numpages, _PAGE_NX, 0);
    }

    [MustCheck]
    internal static int set_memory_nx(X86Arch arch, ulong addr, ulong numpages)
    {
        if ((arch.supported_pte_mask & _PAGE_NX) == 0)
            return 0;
        return change_page_attr_set(arch, &addr, numpages, _PAGE_NX, 0);
    }

    [MustCheck]
    internal static int set_memory_ro(X86Arch arch, ulong addr, ulong numpages) =>
        change_page_attr_clear(arch, &addr, numpages, _PAGE_RW | _PAGE_DIRTY, 0);

    /// <summary>Read-only and executable; the only request that merges leaves.</summary>
    [MustCheck]
    internal static int set_memory_rox(X86Arch arch, ulong addr, ulong numpages)
    {
        ulong clr = _PAGE_RW | _PAGE_DIRTY;
        if ((arch.supported_pte_mask & _PAGE_NX) != 0)
            clr |= _PAGE_NX;
        return change_page_attr_clear(arch, &addr, numpages, clr, CPA_COLLAPSE);
    }

    [MustCheck]
    internal static int set_memory_rw(X86Arch arch, ulong addr, ulong numpages) => change_page_attr_set(arch, &addr, numpages, _PAGE_RW, 0);

    [MustCheck]
    internal static int set_memory_np(X86Arch arch, ulong addr, ulong numpages) =>
        change_page_attr_clear(arch, &addr, numpages, _PAGE_PRESENT, 0);

    [MustCheck]
    internal static int set_memory_np_noalias(X86Arch arch, ulong addr, ulong numpages) =>
        change_page_attr_set_clr(arch, &addr, numpages, 0, _PAGE_PRESENT, false, CPA_NO_CHECK_ALIAS, null);

    [MustCheck]
    internal static int set_memory_p(X86Arch arch, ulong addr, ulong numpages) =>
        change_page_attr_set(arch, &addr, numpages, _PAGE_PRESENT, 0);

    /// <summary>Splits down to 4K leaves and marks them so that they are never merged.</summary>
    [MustCheck]
    internal static int set_memory_4k(X86Arch arch, ulong addr, ulong numpages) =>
        change_page_attr_set_clr(arch, &addr, numpages, _PAGE_KERNEL_4K, 0, true, 0, null);

    [MustCheck]
    internal static int set_memory_nonglobal(X86Arch arch, ulong addr, ulong numpages) =>
        change_page_attr_clear(arch, &addr, numpages, _PAGE_GLOBAL, 0);

    [MustCheck]
    internal static int set_memory_global(X86Arch arch, ulong addr, ulong numpages) =>
        change_page_attr_set(arch, &addr, numpages, _PAGE_GLOBAL, 0);

    /// <summary>Takes a page with a memory error out of the direct map, so that nothing reads it speculatively.</summary>
    [MustCheck]
    internal static int set_mce_nospec(X86Arch arch, ulong pfn)
    {
        // The true address must not lie around in registers, where speculation could use it: bit 63 is flipped, which table lookups ignore.
        ulong decoy_addr = (pfn << PAGE_SHIFT) + (arch.PAGE_OFFSET ^ (1UL << 63));
        int rc = set_memory_np(arch, decoy_addr, 1);
        if (rc != 0)
            pr_warn($"Could not invalidate pfn=0x{pfn:x} from 1:1 map");
        return rc;
    }

    [MustCheck]
    internal static int clear_mce_nospec(X86Arch arch, ulong pfn) => set_memory_p(arch, arch.PAGE_OFFSET + (pfn << PAGE_SHIFT), 1);

    [MustCheck]
    internal static int set_direct_map_invalid_noflush(X86Arch arch, ulong addr) => __set_pages_np(arch, addr, 1);

    [MustCheck]
    internal static int set_direct_map_default_noflush(X86Arch arch, ulong addr) => __set_pages_p(arch, addr, 1);

    [MustCheck]
    internal static int set_direct_map_valid_noflush(X86Arch arch, ulong addr, ulong nr, bool valid) =>
        valid ? __set_pages_p(arch, addr, nr) : __set_pages_np(arch, addr, nr);

    /// <summary>
    /// debug_pagealloc: pages leave the map when they are freed and return when they are allocated. Called from any context, so nothing may
    /// sleep and no other CPU is asked to flush; errors are ignored, as every leaf has been 4K since boot.
    /// </summary>
    internal static void __kernel_map_pages(X86Arch arch, page page, ulong numpages, bool enable)
    {
        ulong addr = page_address(page);
        _ = enable ? __set_pages_p(arch, addr, numpages) : __set_pages_np(arch, addr, numpages);
        X86Tlb.__flush_tlb_all(arch);
    }

    internal static bool kernel_page_present(X86Arch arch, page page)
    {
        pte_t* pte = lookup_address(arch, page_address(page), out _);
        return pte != null && (ptep_get(pte).val & _PAGE_PRESENT) != 0;
    }

    private static bool pud_end(pte_t pud) => pud_leaf(pud) || !pud_present(pud);

    private static bool pmd_end(pte_t pmd) => pmd_leaf(pmd) || !pmd_present(pmd);

    private static bool within(ulong addr, ulong start, ulong end) => addr >= start && addr < end;

    private static bool within_inclusive(ulong addr, ulong start, ulong end) => addr >= start && addr <= end;

    private static ulong highmap_start_pfn(X86Arch arch) => arch._text >> PAGE_SHIFT;

    // Does not reach beyond the last page of the image.
    private static ulong highmap_end_pfn(X86Arch arch) => (PAGE_ALIGN(arch._brk_end) - 1) >> PAGE_SHIFT;

    private static bool __cpa_pfn_in_highmap(X86Arch arch, ulong pfn) =>
        within_inclusive(pfn, highmap_start_pfn(arch), highmap_end_pfn(arch));

    // Undoes the decoy of set_mce_nospec() before the address is used for flushing.
    private static ulong fix_addr(ulong addr) => (ulong)((long)(addr << 1) >> 1);

    private static ulong __cpa_addr(in cpa_data cpa, ulong idx)
    {
        if ((cpa.flags & CPA_PAGES_ARRAY) != 0)
            return page_address(cpa.pages![idx]);
        return (cpa.flags & CPA_ARRAY) != 0 ? cpa.vaddr[idx] : *cpa.vaddr + (idx * PAGE_SIZE);
    }

    private static void __cpa_flush_all(X86Arch arch) => X86Tlb.flush_tlb_all(arch);

    private static void cpa_flush_all(X86Arch arch)
    {
        BUG_ON(irqs_disabled());
        __cpa_flush_all(arch);
    }

    private static void cpa_flush(ref cpa_data cpa)
    {
        BUG_ON(irqs_disabled());
        if (cpa.force_flush_all || (cpa.flags & (CPA_ARRAY | CPA_PAGES_ARRAY)) != 0)
        {
            X86Tlb.flush_tlb_all(cpa.arch);
        }
        else
        {
            ulong start = fix_addr(__cpa_addr(cpa, 0));
            X86Tlb.flush_tlb_kernel_range(cpa.arch, start, start + (cpa.numpages * PAGE_SIZE));
        }

        if ((cpa.flags & CPA_COLLAPSE) != 0)
            cpa_collapse_large_pages(ref cpa);
    }

    [MightSleep]
    private static void cpa_collapse_large_pages(ref cpa_data cpa)
    {
        X86Arch arch = cpa.arch;
        page pgtables = default;
        int collapsed = 0;

        // Whoever dumps the tables walks them without pgd_lock and must not meet one that is freed.
        down_write(arch.init_mm_mmap_lock);
        if ((cpa.flags & (CPA_PAGES_ARRAY | CPA_ARRAY)) != 0)
        {
            for (ulong i = 0; i < cpa.numpages; i++)
                collapsed += collapse_large_pages(arch, __cpa_addr(cpa, i), ref pgtables);
        }
        else
        {
            ulong addr = __cpa_addr(cpa, 0);
            ulong start = addr & PMD_MASK;
            ulong end = addr + (PAGE_SIZE * cpa.numpages);
            for (addr = start; within(addr, start, end); addr += PMD_SIZE)
                collapsed += collapse_large_pages(arch, addr, ref pgtables);
        }

        if (collapsed != 0)
        {
            X86Tlb.flush_tlb_all(arch);

            // No CPU can hold a walk through the old tables any more.
            while (!pgtables.IS_NULL)
            {
                page next = new(pgtables.Frame->next);
                pgtables.Frame->next = null;
                arch.pagetable_free(pgtables);
                pgtables = next;
            }
        }

        up_write(arch.init_mm_mmap_lock);
    }

    private static bool overlaps(ulong r1_start, ulong r1_end, ulong r2_start, ulong r2_end) =>
        (r1_start <= r2_end && r1_end >= r2_start) || (r2_start <= r1_end && r2_end >= r1_start);

    // Protections by frame number: the constants of the image are read-only in the direct map too.
    private static ulong protect_rodata(X86Arch arch, ulong spfn, ulong epfn)
    {
        ulong epfn_ro = (arch.__end_rodata >> PAGE_SHIFT) - 1;
        return arch.kernel_set_to_readonly && overlaps(spfn, epfn, arch.__start_rodata >> PAGE_SHIFT, epfn_ro) ? _PAGE_RW : 0;
    }

    // Protections by address: the text of the image stays executable where it runs.
    private static ulong protect_kernel_text(X86Arch arch, ulong start, ulong end)
    {
        ulong t_start = arch.highmap(arch._text);
        return overlaps(start, end, t_start, arch.highmap(arch._etext) - 1) ? _PAGE_NX : 0;
    }

    private static ulong protect_kernel_text_ro(X86Arch arch, ulong start, ulong end)
    {
        ulong t_start = arch.highmap(arch._text);
        return arch.kernel_set_to_readonly && overlaps(start, end, t_start, arch.highmap(arch._etext) - 1) ? _PAGE_RW : 0;
    }

    private static bool conflicts(ulong prot, ulong val) => (prot & ~val) != prot;

    private static void check_conflict(cpa_warn warnlvl, ulong prot, ulong val, ulong start, ulong end, ulong pfn, string txt)
    {
        if (warnlvl == cpa_warn.CPA_DETECT || !conflicts(prot, val))
            return;
        pr_warn($"CPA {(warnlvl == cpa_warn.CPA_CONFLICT ? "conflict" : "protect")} {txt}: 0x{start:x} - 0x{end:x} PFN {pfn:x} " +
            $"req {prot:x} prevent {val:x}");
    }

    /// <summary>Removes from the flags what must never be set there. Nothing is forbidden to an entry that is not present.</summary>
    private static ulong static_protections(X86Arch arch, ulong prot, ulong start, ulong pfn, ulong npg, ulong lpsize, cpa_warn warnlvl)
    {
        if ((prot & _PAGE_PRESENT) == 0)
            return prot;
        ulong end = start + (npg * PAGE_SIZE) - 1;
        ulong res = protect_kernel_text(arch, start, end);
        check_conflict(warnlvl, prot, res, start, end, pfn, "Text NX");
        ulong forbidden = res;

        // A change of exactly one large leaf need not split it, whatever the text is made.
        if (lpsize != npg * PAGE_SIZE || (start & (lpsize - 1)) != 0)
        {
            res = protect_kernel_text_ro(arch, start, end);
            check_conflict(warnlvl, prot, res, start, end, pfn, "Text RO");
            forbidden |= res;
        }

        res = protect_rodata(arch, pfn, pfn + npg - 1);
        check_conflict(warnlvl, prot, res, start, end, pfn, "Rodata RO");
        forbidden |= res;
        return prot & ~forbidden;
    }

    // Says so when a mapping becomes writable and executable; does not prevent it.
    private static ulong verify_rwx(X86Arch arch, ulong old, ulong @new, ulong start, ulong pfn, ulong npg, bool nx, bool rw)
    {
        if (arch.kernel.system_state == system_states.SYSTEM_BOOTING)
            return @new;
        if ((arch.supported_pte_mask & _PAGE_NX) == 0)
            return @new;
        if (((old ^ @new) & (_PAGE_RW | _PAGE_NX)) == 0)
            return @new;
        if ((@new & (_PAGE_RW | _PAGE_NX)) != _PAGE_RW)
            return @new;

        // Entries above the leaf can take both rights away.
        if (!rw || nx)
            return @new;
        WARN_ONCE(
            true,
            $"CPA detected W^X violation: {old:x16} -> {@new:x16} range: 0x{start:x16} - 0x{start + (npg * PAGE_SIZE) - 1:x16} PFN {pfn:x}");
        return @new;
    }

    private static pte_t* _lookup_address_cpa(ref cpa_data cpa, ulong address, out pg_level level, out bool nx, out bool rw) =>
        lookup_address_in_pgd_attr(cpa.arch, cpa.arch.swapper_pg_dir, address, out level, out nx, out rw);

    // Address spaces share every kernel table but the top one, whose kernel entries never change after boot: one store reaches all.
    private static void __set_pmd_pte(pte_t* kpte, pte_t pte) => set_pte_atomic(kpte, pte);

    // In an entry without P the bit of G means PROT_NONE.
    private static ulong pgprot_clear_protnone_bits(ulong prot) => (prot & _PAGE_PRESENT) == 0 ? prot & ~_PAGE_GLOBAL : prot;

    /// <returns>1: split; 0: done, cpa.numpages pages; negative: error.</returns>
    [MustHold("cpa.arch.pgd_lock")]
    private static int __should_split_large_page(pte_t* kpte, ulong address, ref cpa_data cpa)
    {
        X86Arch arch = cpa.arch;

        // Another CPU might have split it; the splitting code finds out and starts over.
        pte_t* tmp = _lookup_address_cpa(ref cpa, address, out pg_level level, out bool nx, out bool rw);
        if (tmp != kpte)
            return 1;
        pte_t old_pte = ptep_get(kpte);
        ulong old_prot;
        ulong old_pfn;
        switch (level)
        {
            case pg_level.PG_LEVEL_2M:
                old_prot = pmd_pgprot(old_pte).val;
                old_pfn = pmd_pfn(old_pte);
                break;
            case pg_level.PG_LEVEL_1G:
                old_prot = pud_pgprot(old_pte).val;
                old_pfn = pud_pfn(old_pte);
                break;
            default:
                return -EINVAL;
        }

        ulong psize = page_level_size(level);
        ulong pmask = page_level_mask(level);
        ulong lpaddr = (address + psize) & pmask;
        ulong numpages = (lpaddr - address) >> PAGE_SHIFT;
        if (numpages < cpa.numpages)
            cpa.numpages = numpages;

        // Masks are in the format of 4K entries, where the cache attribute sits in the place of PSE.
        ulong req_prot = protval_large_2_4k(old_prot);
        req_prot &= ~cpa.mask_clr;
        req_prot |= cpa.mask_set;
        req_prot = protval_4k_2_large(req_prot);
        req_prot = pgprot_clear_protnone_bits(req_prot);
        if ((req_prot & _PAGE_PRESENT) != 0)
            req_prot |= _PAGE_PSE;

        cpa.pfn = old_pfn + ((address & (psize - 1)) >> PAGE_SHIFT);
        lpaddr = address & pmask;
        numpages = psize >> PAGE_SHIFT;

        // A leaf that breaks the rules already is split, and its pieces made to obey.
        ulong chk_prot = static_protections(arch, old_prot, lpaddr, old_pfn, numpages, psize, cpa_warn.CPA_CONFLICT);
        if (WARN_ON_ONCE(chk_prot != old_prot))
        {
            cpa.force_static_prot = true;
            return 1;
        }

        if (req_prot == old_prot)
            return 0;
        if (address != lpaddr || cpa.numpages != numpages)
            return 1;
        ulong new_prot = static_protections(arch, req_prot, lpaddr, old_pfn, numpages, psize, cpa_warn.CPA_DETECT);
        new_prot = verify_rwx(arch, old_prot, new_prot, lpaddr, old_pfn, numpages, nx, rw);
        if (req_prot != new_prot)
            return 1;

        pte_t new_pte = pfn_pte(old_pfn, new pgprot_t(new_prot));
        __set_pmd_pte(kpte, new_pte);
        arch.LeafChanged(level, lpaddr, old_pfn, old_pte, new_pte);
        cpa.flags |= CPA_FLUSHTLB;
        return 0;
    }

    private static int should_split_large_page(pte_t* kpte, ulong address, ref cpa_data cpa)
    {
        if (cpa.force_split)
            return 1;
        spin_lock(cpa.arch.pgd_lock);
        int do_split = __should_split_large_page(kpte, address, ref cpa);
        spin_unlock(cpa.arch.pgd_lock);
        return do_split;
    }

    private static void split_set_pte(ref cpa_data cpa, pte_t* pte, ulong pfn, ulong ref_prot, ulong address, ulong size)
    {
        if (cpa.force_static_prot)
        {
            ulong prot = static_protections(cpa.arch, ref_prot, address, pfn, size >> PAGE_SHIFT, 0, cpa_warn.CPA_PROTECT);
            if (prot != ref_prot)
            {
                // Pieces of 2M could need another split each, with tables that nobody allocated.
                if (size == PAGE_SIZE)
                    ref_prot = prot;
                else
                    pr_warn("CPA: Cannot fixup static protections for PUD split");
            }
        }

        set_pte(pte, pfn_pte(pfn, new pgprot_t(ref_prot)));
    }

    /// <returns>0: split; 1: somebody else changed the entry, the table was not used.</returns>
    private static int __split_large_page(ref cpa_data cpa, pte_t* kpte, ulong address, page @base)
    {
        X86Arch arch = cpa.arch;
        ulong table = page_to_pfn(@base) << PAGE_SHIFT;
        pte_t* pbase = (pte_t*)arch.memory.Host(table);
        ulong ref_prot;
        ulong ref_pfn;
        ulong lpaddr;
        ulong lpinc;
        ulong pfninc = 1;

        spin_lock(arch.pgd_lock);
        pte_t* tmp = _lookup_address_cpa(ref cpa, address, out pg_level level, out _, out _);
        if (tmp != kpte)
        {
            spin_unlock(arch.pgd_lock);
            return 1;
        }

        pte_t old_pte = ptep_get(kpte);
        switch (level)
        {
            case pg_level.PG_LEVEL_2M:
                ref_prot = protval_large_2_4k(pmd_pgprot(old_pte).val);
                ref_pfn = pmd_pfn(old_pte);
                lpaddr = address & PMD_MASK;
                lpinc = PAGE_SIZE;
                break;
            case pg_level.PG_LEVEL_1G:
                ref_prot = pud_pgprot(old_pte).val;
                ref_pfn = pud_pfn(old_pte);
                pfninc = PMD_SIZE >> PAGE_SHIFT;
                lpaddr = address & PUD_MASK;
                lpinc = PMD_SIZE;

                // PSE alone would make pmd_present() true for pieces that are not.
                if ((ref_prot & _PAGE_PRESENT) == 0)
                    ref_prot &= ~_PAGE_PSE;
                break;
            default:
                spin_unlock(arch.pgd_lock);
                return 1;
        }

        ref_prot = pgprot_clear_protnone_bits(ref_prot);
        ulong pfn = ref_pfn;
        for (int i = 0; i < PTRS_PER_PTE; i++, pfn += pfninc, lpaddr += lpinc)
            split_set_pte(ref cpa, pbase + i, pfn, ref_prot, lpaddr, lpinc);

        if (arch.pfn_of_direct_map(address, out ulong first) && arch.pfn_range_is_mapped(first, first + 1))
            split_page_count(arch, level);
        else
            arch.SplitNotCounted(level, address);

        __set_pmd_pte(kpte, new pte_t(table | _KERNPG_TABLE));
        arch.LeafSplit(level);
        current.kernel.Tracepoints.DirectMapSplit.Trace(ref_pfn, (ulong)level);

        // Before the attributes of a piece differ from those of the rest: no CPU may hold translations of two sizes for one address.
        X86Tlb.flush_tlb_all(arch);
        spin_unlock(arch.pgd_lock);
        return 0;
    }

    [MustHold("cpa.arch.cpa_lock")]
    [MightSleep]
    [ContextUnsafe("drops and retakes cpa_lock around the allocation, unless debug_pagealloc is on")]
    private static int split_large_page(ref cpa_data cpa, pte_t* kpte, ulong address)
    {
        X86Arch arch = cpa.arch;
        if (!arch.debug_pagealloc_enabled)
            spin_unlock(arch.cpa_lock);
        page @base = arch.pagetable_alloc();
        if (!arch.debug_pagealloc_enabled)
            spin_lock(arch.cpa_lock);
        if (@base.IS_NULL)
            return -ENOMEM;
        if (__split_large_page(ref cpa, kpte, address, @base) != 0)
            arch.pagetable_free(@base);
        return 0;
    }

    /// <returns>1 if the table of 4K entries below became one 2M leaf; the table is queued.</returns>
    [MustHold("arch.pgd_lock")]
    private static int collapse_pmd_page(X86Arch arch, pte_t* pmd, ulong addr, ref page pgtables)
    {
        if (!arch.has_pse)
            return 0;
        addr &= PMD_MASK;
        pte_t old_pmd = ptep_get(pmd);
        pte_t* pte = (pte_t*)arch.memory.Host(old_pmd.val & PTE_PFN_MASK);
        pte_t first = ptep_get(pte);
        ulong pfn = pte_pfn(first);
        if (((pfn << PAGE_SHIFT) & ~PMD_MASK) != 0)
            return 0;
        if ((pte_flags(first) & _PAGE_KERNEL_4K) != 0)
            return 0;
        for (ulong i = 1; i < PTRS_PER_PTE; i++)
        {
            pte_t entry = ptep_get(pte + i);
            if (!pte_present(entry))
                return 0;
            if (pte_flags(entry) != pte_flags(first))
                return 0;
            if (pte_pfn(entry) != pfn + i)
                return 0;
        }

        pgprot_t pgprot = new(protval_4k_2_large(pte_pgprot(first).val) | _PAGE_PSE);
        set_pte_atomic(pmd, pfn_pmd(pfn, pgprot));
        queue(arch, old_pmd, ref pgtables);
        if (arch.pfn_of_direct_map(addr, out ulong dm_pfn) && arch.pfn_range_is_mapped(dm_pfn, dm_pfn + 1))
            collapse_page_count(arch, pg_level.PG_LEVEL_2M);
        arch.LeafMerged(pg_level.PG_LEVEL_2M);
        return 1;
    }

    /// <returns>1 if the table of 2M leaves below became one 1G leaf; the table is queued.</returns>
    [MustHold("arch.pgd_lock")]
    private static int collapse_pud_page(X86Arch arch, pte_t* pud, ulong addr, ref page pgtables)
    {
        if (!arch.direct_gbpages)
            return 0;
        addr &= PUD_MASK;
        pte_t old_pud = ptep_get(pud);
        pte_t* pmd = (pte_t*)arch.memory.Host(old_pud.val & PTE_PFN_MASK);
        pte_t first = ptep_get(pmd);
        ulong pfn = pmd_pfn(first);
        if (!pmd_leaf(first) || ((pfn << PAGE_SHIFT) & ~PUD_MASK) != 0)
            return 0;
        for (ulong i = 1; i < PTRS_PER_PTE; i++)
        {
            pte_t entry = ptep_get(pmd + i);
            if (!pmd_present(entry) || !pmd_leaf(entry))
                return 0;
            if (pmd_pgprot(entry) != pmd_pgprot(first))
                return 0;
            if (pmd_pfn(entry) != pfn + (i * (PMD_SIZE >> PAGE_SHIFT)))
                return 0;
        }

        set_pte_atomic(pud, pfn_pud(pfn, pmd_pgprot(first)));
        queue(arch, old_pud, ref pgtables);
        if (arch.pfn_of_direct_map(addr, out ulong dm_pfn) && arch.pfn_range_is_mapped(dm_pfn, dm_pfn + 1))
            collapse_page_count(arch, pg_level.PG_LEVEL_1G);
        arch.LeafMerged(pg_level.PG_LEVEL_1G);
        return 1;
    }

    private static int collapse_large_pages(X86Arch arch, ulong addr, ref page pgtables)
    {
        int collapsed = 0;
        addr &= PMD_MASK;
        spin_lock(arch.pgd_lock);
        pte_t pgd = ptep_get((pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(addr));
        if (pte_none(pgd))
            goto @out;
        pte_t* pud = (pte_t*)arch.memory.Host(pgd.val & PTE_PFN_MASK) + pud_index(addr);
        pte_t pud_val = ptep_get(pud);
        if (pte_none(pud_val) || pud_end(pud_val))
            goto @out;
        pte_t* pmd = (pte_t*)arch.memory.Host(pud_val.val & PTE_PFN_MASK) + pmd_index(addr);
        pte_t pmd_val = ptep_get(pmd);
        if (pte_none(pmd_val) || pmd_end(pmd_val))
            goto @out;
        collapsed = collapse_pmd_page(arch, pmd, addr, ref pgtables);
        if (collapsed != 0)
            collapsed += collapse_pud_page(arch, pud, addr, ref pgtables);
    @out:
        spin_unlock(arch.pgd_lock);
        return collapsed;
    }

    private static void queue(X86Arch arch, pte_t table, ref page pgtables)
    {
        page page = pfn_to_page(arch.kernel, (table.val & PTE_PFN_MASK) >> PAGE_SHIFT);
        page.Frame->next = pgtables.Frame;
        pgtables = page;
    }

    private static int __cpa_process_fault(ref cpa_data cpa, ulong vaddr, bool primary)
    {
        X86Arch arch = cpa.arch;
        if (!primary)
        {
            cpa.numpages = 1;
            return 0;
        }

        // The direct map has holes where there is no memory.
        if (within(vaddr, arch.PAGE_OFFSET, arch.PAGE_OFFSET + (arch.max_pfn_mapped << PAGE_SHIFT)))
        {
            cpa.numpages = 1;
            cpa.pfn = (vaddr - arch.PAGE_OFFSET) >> PAGE_SHIFT;
            return 0;
        }

        if (__cpa_pfn_in_highmap(arch, cpa.pfn))
            return -EFAULT;
        WARN(true, $"CPA: called for zero pte. vaddr = {vaddr:x} cpa->vaddr = {*cpa.vaddr:x}");
        return -EFAULT;
    }

    [MustHold("cpa.arch.cpa_lock")]
    [MightSleep]
    [ContextUnsafe("split_large_page() drops cpa_lock when it sleeps")]
    private static int __change_page_attr(ref cpa_data cpa, bool primary)
    {
        X86Arch arch = cpa.arch;
        ulong address = __cpa_addr(cpa, cpa.curpage);
    repeat:
        pte_t* kpte = _lookup_address_cpa(ref cpa, address, out pg_level level, out bool nx, out bool rw);
        if (kpte == null)
            return __cpa_process_fault(ref cpa, address, primary);
        pte_t old_pte = ptep_get(kpte);
        if (pte_none(old_pte))
            return __cpa_process_fault(ref cpa, address, primary);

        if (level == pg_level.PG_LEVEL_4K)
        {
            ulong old_prot = pte_flags(old_pte);
            ulong pfn = pte_pfn(old_pte);
            ulong new_prot = (old_prot & ~cpa.mask_clr) | cpa.mask_set;
            new_prot = static_protections(arch, new_prot, address, pfn, 1, 0, cpa_warn.CPA_PROTECT);
            new_prot = verify_rwx(arch, old_prot, new_prot, address, pfn, 1, nx, rw);
            new_prot = pgprot_clear_protnone_bits(new_prot);

            // Attributes change, not the memory behind: the frame number is that of the old entry.
            pte_t new_pte = pfn_pte(pfn, new pgprot_t(new_prot));
            cpa.pfn = pfn;
            if (old_pte != new_pte)
            {
                set_pte_atomic(kpte, new_pte);
                arch.LeafChanged(level, address, pfn, old_pte, new_pte);
                cpa.flags |= CPA_FLUSHTLB;
            }

            cpa.numpages = 1;
            return 0;
        }

        int do_split = should_split_large_page(kpte, address, ref cpa);
        if (do_split <= 0)
            return do_split;
        int err = split_large_page(ref cpa, kpte, address);
        if (err == 0)
            goto repeat;
        return err;
    }

    // Brings the other mappings of the page along: its place in the direct map, and in the image.
    [MightSleep]
    private static int cpa_process_alias(ref cpa_data cpa)
    {
        X86Arch arch = cpa.arch;
        ulong laddr = arch.PAGE_OFFSET + (cpa.pfn << PAGE_SHIFT);
        if (!arch.pfn_range_is_mapped(cpa.pfn, cpa.pfn + 1))
            return 0;

        ulong vaddr = __cpa_addr(cpa, cpa.curpage);
        if (!within(vaddr, arch.PAGE_OFFSET, arch.PAGE_OFFSET + (arch.max_pfn_mapped << PAGE_SHIFT)))
        {
            cpa_data alias_cpa = cpa;
            alias_cpa.vaddr = &laddr;
            alias_cpa.flags &= ~(CPA_PAGES_ARRAY | CPA_ARRAY);
            alias_cpa.curpage = 0;

            // The direct map is never executable.
            if ((arch.supported_pte_mask & _PAGE_NX) != 0)
            {
                alias_cpa.mask_clr &= ~_PAGE_NX;
                alias_cpa.mask_set &= ~_PAGE_NX;
            }

            cpa.force_flush_all = true;
            int ret = __change_page_attr_set_clr(ref alias_cpa, false);
            if (ret != 0)
                return ret;
        }

        if (!within(vaddr, arch.highmap(arch._text), arch.highmap(arch._brk_end)) && __cpa_pfn_in_highmap(arch, cpa.pfn))
        {
            ulong temp_cpa_vaddr = arch.highmap(cpa.pfn << PAGE_SHIFT);
            cpa_data alias_cpa = cpa;
            alias_cpa.vaddr = &temp_cpa_vaddr;
            alias_cpa.flags &= ~(CPA_PAGES_ARRAY | CPA_ARRAY);
            alias_cpa.curpage = 0;
            if ((arch.supported_pte_mask & _PAGE_NX) != 0)
            {
                alias_cpa.mask_clr &= ~_PAGE_NX;
                alias_cpa.mask_set &= ~_PAGE_NX;
            }

            cpa.force_flush_all = true;

            // The image's range is not exact; that a part of it is not mapped is no error.
            _ = __change_page_attr_set_clr(ref alias_cpa, false);
        }

        return 0;
    }

    [MustCheck]
    [MightSleep]
    [ContextUnsafe("cpa_lock is not taken under debug_pagealloc")]
    private static int __change_page_attr_set_clr(ref cpa_data cpa, bool primary)
    {
        X86Arch arch = cpa.arch;
        ulong numpages = cpa.numpages;
        ulong rempages = numpages;
        int ret = 0;
        if ((cpa.mask_set | cpa.mask_clr) == 0 && !cpa.force_split)
            return ret;

        while (rempages != 0)
        {
            cpa.numpages = rempages;
            if ((cpa.flags & (CPA_ARRAY | CPA_PAGES_ARRAY)) != 0)
                cpa.numpages = 1;
            if (!arch.debug_pagealloc_enabled)
                spin_lock(arch.cpa_lock);
            ret = __change_page_attr(ref cpa, primary);
            if (!arch.debug_pagealloc_enabled)
                spin_unlock(arch.cpa_lock);
            if (ret != 0)
                break;

            if (primary && (cpa.flags & CPA_NO_CHECK_ALIAS) == 0)
            {
                ret = cpa_process_alias(ref cpa);
                if (ret != 0)
                    break;
            }

            // Either one page was done or a large leaf kept: never more than was left.
            BUG_ON(cpa.numpages > rempages || cpa.numpages == 0);
            rempages -= cpa.numpages;
            cpa.curpage += cpa.numpages;
        }

        cpa.numpages = numpages;
        return ret;
    }

    [MustCheck]
    [MightSleep]
    private static int change_page_attr_set_clr(
        X86Arch arch, ulong* addr, ulong numpages, ulong mask_set, ulong mask_clr, bool force_split, uint in_flag, page[]? pages)
    {
        mask_set &= arch.supported_pte_mask;
        if (mask_set == 0 && mask_clr == 0 && !force_split)
            return 0;

        if ((in_flag & CPA_ARRAY) != 0)
        {
            for (ulong i = 0; i < numpages; i++)
            {
                if ((addr[i] & ~PAGE_MASK) != 0)
                {
                    addr[i] &= PAGE_MASK;
                    WARN_ON_ONCE(true);
                }
            }
        }
        else if ((in_flag & CPA_PAGES_ARRAY) == 0 && (*addr & ~PAGE_MASK) != 0)
        {
            *addr &= PAGE_MASK;
            WARN_ON_ONCE(true, "CPA of an address that is not page aligned");
        }

        cpa_data cpa = new()
        {
            kernel = arch.kernel,
            arch = arch,
            vaddr = addr,
            pages = pages,
            numpages = numpages,
            mask_set = mask_set,
            mask_clr = mask_clr,
            flags = in_flag,
            force_split = force_split,
        };
        int ret = __change_page_attr_set_clr(ref cpa, true);
        if ((cpa.flags & CPA_FLUSHTLB) == 0)
            return ret;

        // After an error it is not known how far it got.
        if (ret != 0)
        {
            cpa_flush_all(arch);
            return ret;
        }

        cpa_flush(ref cpa);
        return ret;
    }

    [MustCheck]
    [MightSleep]
    private static int change_page_attr_set(X86Arch arch, ulong* addr, ulong numpages, ulong mask, uint flags) =>
        change_page_attr_set_clr(arch, addr, numpages, mask, 0, false, flags, null);

    [MustCheck]
    [MightSleep]
    private static int change_page_attr_clear(X86Arch arch, ulong* addr, ulong numpages, ulong mask, uint flags) =>
        change_page_attr_set_clr(arch, addr, numpages, 0, mask, false, flags, null);

    [MustCheck]
    [MightSleep]
    internal static int cpa_set_pages_array(X86Arch arch, page[] pages, ulong mask) =>
        change_page_attr_set_clr(arch, null, (ulong)pages.Length, mask, 0, false, CPA_PAGES_ARRAY, pages);

    [MustCheck]
    [MightSleep]
    internal static int cpa_clear_pages_array(X86Arch arch, page[] pages, ulong mask) =>
        change_page_attr_set_clr(arch, null, (ulong)pages.Length, 0, mask, false, CPA_PAGES_ARRAY, pages);

    // No search for other mappings: presence in the direct map is nobody else's business, and the image's large leaves stay whole.
    [MustCheck]
    [MightSleep]
    private static int __set_pages_p(X86Arch arch, ulong addr, ulong numpages)
    {
        cpa_data cpa = new()
        {
            kernel = arch.kernel,
            arch = arch,
            vaddr = &addr,
            numpages = numpages,
            mask_set = _PAGE_PRESENT | _PAGE_RW,
            flags = CPA_NO_CHECK_ALIAS,
        };
        return __change_page_attr_set_clr(ref cpa, true);
    }

    // D goes with RW: alone it would make a shadow-stack entry.
    [MustCheck]
    [MightSleep]
    private static int __set_pages_np(X86Arch arch, ulong addr, ulong numpages)
    {
        cpa_data cpa = new()
        {
            kernel = arch.kernel,
            arch = arch,
            vaddr = &addr,
            numpages = numpages,
            mask_clr = _PAGE_PRESENT | _PAGE_RW | _PAGE_DIRTY,
            flags = CPA_NO_CHECK_ALIAS,
        };
        return __change_page_attr_set_clr(ref cpa, true);
    }
}
