// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/memory.c, Linux 6.18.
namespace Linux;

// User page faults, zapping, copying for fork.
//
// Lock order:
//
//   mm->mmap_lock (read, for a fault)
//     mapping->invalidate_lock, folio lock      taken by a file's fault handler
//       mm->page_table_lock                     entries, mapcounts by them, resident counters
//
// An entry changes under page_table_lock; only the MMU sets accessed and dirty bits beside it. A page is freed after the flush that
// follows the clearing of its last entry (mmu_gather).

/// <summary>What an unmapping spares.</summary>
internal ref struct zap_details
{
    /// <summary>Only this folio; NULL for all.</summary>
    internal folio single_folio;

    /// <summary>Private copies too.</summary>
    internal bool even_cows;

    /// <summary>Markers too.</summary>
    internal bool drop_markers;
}

internal static unsafe partial class Memory
{
    internal static bool is_zero_pfn(Kernel kernel, ulong pfn) => pfn == kernel.zero_pfn;

    /// <summary>The page of a present entry that is counted; NULL for the zero page.</summary>
    internal static page vm_normal_page(vm_area_struct vma, pte_t pte)
    {
        Kernel kernel = vma.vm_mm.kernel;
        ulong pfn = vma.vm_mm.arch.pte_pfn(pte);
        return pfn == kernel.zero_pfn || (vma.vm_flags & VM_PFNMAP) != 0 ? default : pfn_to_page(kernel, pfn);
    }

    internal static folio vm_normal_folio(vm_area_struct vma, pte_t pte)
    {
        page page = vm_normal_page(vma, pte);
        return page.IS_NULL ? default : page_folio(page);
    }

    /// <summary>Brings in the page of an address, or makes its entry writable.</summary>
    /// <returns>VM_FAULT_* bits. The lock is held on return, even after VM_FAULT_RETRY.</returns>
    [MustHoldShared("vma.vm_mm.mmap_lock")]
    [MightSleep]
    internal static vm_fault_t handle_mm_fault(vm_area_struct vma, ulong address, fault_flag flags)
    {
        task_struct task = current;
        if ((flags & fault_flag.FAULT_FLAG_UNSHARE) != 0)
        {
            if ((flags & fault_flag.FAULT_FLAG_WRITE) != 0)
                return vm_fault_t.VM_FAULT_SIGSEGV;

            // Breaking sharing means nothing where pages are shared for good.
            if (!is_cow_mapping(vma.vm_flags))
                flags &= ~fault_flag.FAULT_FLAG_UNSHARE;
        }
        else if ((flags & fault_flag.FAULT_FLAG_WRITE) != 0)
        {
            // Who writes without the right to must at least write to a copy (FOLL_FORCE).
            if (WARN_ON_ONCE((vma.vm_flags & VM_MAYWRITE) == 0) || WARN_ON_ONCE((vma.vm_flags & VM_WRITE) == 0 && !is_cow_mapping(vma.vm_flags)))
                return vm_fault_t.VM_FAULT_SIGSEGV;
        }

        vm_fault_t ret = __handle_mm_fault(task, vma, address, flags);
        count_vm_events(task, vm_event_item.PGFAULT, 1);
        if ((ret & vm_fault_t.VM_FAULT_MAJOR) != 0)
            count_vm_events(task, vm_event_item.PGMAJFAULT, 1);
        return ret;
    }

    // Zapping.

    [MightSleep]
    internal static void unmap_vmas(ref mmu_gather tlb, vm_area_struct first, ulong start_addr, ulong end_addr)
    {
        zap_details details = default;
        details.even_cows = true;
        details.drop_markers = true;
        mmu_notifier_range range = default;
        mmu_notifier_range_init(ref range, mmu_notifier_event.MMU_NOTIFY_UNMAP, 0, tlb.mm, start_addr, end_addr);
        mmu_notifier_invalidate_range_start(ref range);
        for (vm_area_struct? vma = first; vma is not null; vma = vma.DetachNext)
            unmap_single_vma(ref tlb, vma, start_addr, end_addr, ref details);
        mmu_notifier_invalidate_range_end(ref range);
    }

    /// <summary>Takes the pages of a range of one area out of the page tables.</summary>
    [MightSleep]
    internal static void zap_page_range_single(vm_area_struct vma, ulong address, ulong size)
    {
        zap_details details = default;
        details.even_cows = true;
        zap_page_range_single(vma, address, size, ref details);
    }

    [MightSleep]
    internal static void zap_page_range_single(vm_area_struct vma, ulong address, ulong size, ref zap_details details)
    {
        ulong end = address + size;
        mmu_notifier_range range = default;
        mmu_notifier_range_init(ref range, mmu_notifier_event.MMU_NOTIFY_CLEAR, 0, vma.vm_mm, address, end);
        mmu_gather tlb = default;
        tlb_gather_mmu(ref tlb, vma.vm_mm);
        mmu_notifier_invalidate_range_start(ref range);
        unmap_single_vma(ref tlb, vma, address, end, ref details);
        mmu_notifier_invalidate_range_end(ref range);
        tlb_finish_mmu(ref tlb);
    }

    /// <summary>Takes pages of a file out of all page tables; private copies only if asked. New faults are the caller's business.</summary>
    [MightSleep]
    internal static void unmap_mapping_pages(address_space mapping, pgoff_t start, pgoff_t nr, bool even_cows)
    {
        pgoff_t last = start + nr - 1;
        if (last < start)
            last = pgoff_t.MaxValue;
        zap_details details = default;
        details.even_cows = even_cows;
        unmap_mapping_range_tree(mapping, start, last, ref details);
    }

    [MightSleep]
    internal static void unmap_mapping_range(address_space mapping, long holebegin, long holelen, int even_cows)
    {
        pgoff_t hba = (pgoff_t)(ulong)holebegin >> PAGE_SHIFT;
        pgoff_t hlen = ((ulong)holelen + PAGE_SIZE - 1) >> PAGE_SHIFT;

        // A length of 0 means to the end of the file.
        unmap_mapping_pages(mapping, hba, hlen == 0 ? pgoff_t.MaxValue - hba + 1 : hlen, even_cows != 0);
    }

    /// <summary>Takes one locked folio of the page cache out of all page tables.</summary>
    [MightSleep]
    internal static void unmap_mapping_folio(folio folio)
    {
        address_space? mapping = folio_mapping(folio);
        if (mapping is null)
            return;
        pgoff_t first = folio.index;
        zap_details details = default;
        details.single_folio = folio;
        details.drop_markers = true;
        unmap_mapping_range_tree(mapping, first, first + (pgoff_t)folio_nr_pages(folio) - 1, ref details);
    }

    // Fork.

    /// <summary>Copies the entries of an area for a child. Private pages become read-only on both sides.</summary>
    [MightSleep]
    [MustCheck]
    internal static int copy_page_range(vm_area_struct dst_vma, vm_area_struct src_vma)
    {
        if (!vma_needs_copy(src_vma))
            return 0;
        mm_struct src_mm = src_vma.vm_mm;
        mm_struct dst_mm = dst_vma.vm_mm;
        ulong addr = src_vma.vm_start;
        ulong end = src_vma.vm_end;
        bool is_cow = is_cow_mapping(src_vma.vm_flags);
        mmu_notifier_range range = default;
        if (is_cow)
        {
            mmu_notifier_range_init(ref range, mmu_notifier_event.MMU_NOTIFY_PROTECTION_PAGE, 0, src_mm, addr, end);
            mmu_notifier_invalidate_range_start(ref range);
        }

        int ret = 0;
        pt_cursor cursor = new(src_mm);
        while (addr < end && ret == 0)
        {
            ulong source = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, end);
            if (source == 0)
            {
                addr = stop;
                continue;
            }

            ulong dest = pte_alloc(dst_mm, addr);
            if (dest == 0)
                ret = -ENOMEM;
            else
                ret = copy_pte_range(dst_vma, src_vma, dest, source, addr, stop);
            addr = stop;
        }

        if (is_cow)
            mmu_notifier_invalidate_range_end(ref range);
        return ret;
    }

    private static void unmap_mapping_range_tree(address_space mapping, pgoff_t first, pgoff_t last, ref zap_details details)
    {
        // Without areas there is nothing to lock out: who adds one must fault before it can map anything.
        down_read(mapping.i_mmap_rwsem);
        List<vm_area_struct> areas = mapping.i_mmap;
        for (int i = 0; i < areas.Count; i++)
        {
            vm_area_struct vma = areas[i];
            pgoff_t vba = vma.vm_pgoff;
            pgoff_t vea = vba + vma_pages(vma) - 1;
            if (vba > last || vea < first)
                continue;
            pgoff_t zba = Math.Max(first, vba);
            pgoff_t zea = Math.Min(last, vea);
            zap_page_range_single(vma, ((zba - vba) << PAGE_SHIFT) + vma.vm_start, (zea - zba + 1) << PAGE_SHIFT, ref details);
        }

        up_read(mapping.i_mmap_rwsem);
    }

    private static void unmap_single_vma(ref mmu_gather tlb, vm_area_struct vma, ulong start_addr, ulong end_addr, ref zap_details details)
    {
        ulong addr = Math.Max(vma.vm_start, start_addr);
        ulong end = Math.Min(vma.vm_end, end_addr);
        pt_cursor cursor = new(vma.vm_mm);
        while (addr < end)
        {
            ulong table = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, end);
            addr = table == 0 ? stop : zap_pte_range(ref tlb, vma, table, addr, stop, ref details);
        }
    }

    /// <returns>Where it stopped: the end, or earlier when the batch of pages was full and had to be flushed.</returns>
    private static ulong zap_pte_range(ref mmu_gather tlb, vm_area_struct vma, ulong table, ulong addr, ulong end, ref zap_details details)
    {
        mm_struct mm = tlb.mm;
        Arch arch = mm.arch;
        task_struct task = tlb.task;
        bool full = false;
        if (end - addr != PMD_SIZE && StandsForHugeEntry(mm.kernel, table))
            split_huge_pmd(mm.kernel, table);
        spin_lock(mm.page_table_lock);
        ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
        for (; addr < end && !full; addr += PAGE_SIZE, pte++)
        {
            pte_t ptent = ptep_get(pte);
            if (ptent.val == 0)
                continue;
            if (!arch.pte_present(ptent))
            {
                // Plain zapping leaves guard markers where they are.
                if (details.drop_markers || (details.even_cows && !is_guard_pte_marker(arch, ptent)))
                    set_pte_at(task, pte, default);
                continue;
            }

            page page = vm_normal_page(vma, ptent);
            if (page.IS_NULL)
            {
                ptep_get_and_clear(task, pte);
                tlb_adjust_range(ref tlb, addr, PAGE_SIZE);
                continue;
            }

            folio folio = page_folio(page);
            bool anon = folio_test_anon(folio);
            if ((anon && !details.even_cows) || (!details.single_folio.IS_NULL && details.single_folio != folio))
                continue;
            ptent = ptep_get_and_clear(task, pte);
            tlb_adjust_range(ref tlb, addr, PAGE_SIZE);
            if (!anon && arch.pte_dirty(ptent))
                MarkDirty(folio);
            CountRss(mm, folio, -1);
            folio_remove_rmap_pte(task, folio);
            full = tlb_remove_page(ref tlb, folio);
        }

        spin_unlock(mm.page_table_lock);
        if (full)
            tlb_flush_mmu(ref tlb);
        return addr;
    }

    private static void MarkDirty(folio folio)
    {
        if (folio_mapping(folio) is { } mapping)
            mapping.a_ops.dirty_folio?.Invoke(mapping, folio);
    }

    [MustHold("mm.page_table_lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CountRss(mm_struct mm, folio folio, long n)
    {
        if (folio_test_anon(folio))
            mm.rss_anon += n;
        else if (folio_test_swapbacked(folio))
            mm.rss_shmem += n;
        else
            mm.rss_file += n;
    }

    private static bool vma_needs_copy(vm_area_struct src_vma) =>
        (src_vma.vm_flags & (VM_PFNMAP | VM_MIXEDMAP | VM_MAYBE_GUARD)) != 0 || src_vma.anon_vma is not null;

    private static int copy_pte_range(vm_area_struct dst_vma, vm_area_struct src_vma, ulong dest, ulong source, ulong addr, ulong end)
    {
        mm_struct src_mm = src_vma.vm_mm;
        mm_struct dst_mm = dst_vma.vm_mm;
        Arch arch = src_mm.arch;
        task_struct task = current;
        folio prealloc = default;
        bool is_cow = is_cow_mapping(src_vma.vm_flags);
        ulong* src_pte = (ulong*)src_mm.memory.Host(source) + pte_index(addr);
        ulong* dst_pte = (ulong*)src_mm.memory.Host(dest) + pte_index(addr);
        int ret = 0;
        while (addr < end)
        {
            bool need = false;
            spin_lock(dst_mm.page_table_lock);
            spin_lock_nested(src_mm.page_table_lock, 1);
            for (; addr < end && !need; addr += PAGE_SIZE, src_pte++, dst_pte++)
            {
                pte_t pte = ptep_get(src_pte);
                if (pte.val == 0)
                    continue;
                if (!arch.pte_present(pte))
                {
                    set_pte_at(task, dst_pte, pte);
                    continue;
                }

                page page = vm_normal_page(src_vma, pte);
                if (!page.IS_NULL)
                {
                    folio folio = page_folio(page);
                    if (folio_test_anon(folio))
                    {
                        // A pinned page must stay where it is for the parent, so the child gets its copy now.
                        if (PageAnonExclusive(page) && folio_maybe_dma_pinned(folio))
                        {
                            if (prealloc.IS_NULL)
                            {
                                need = true;
                                break;
                            }

                            copy_highpage(prealloc.page, page);
                            folio_add_new_anon_rmap(task, prealloc, dst_vma);
                            dst_mm.rss_anon++;
                            pte_t copy = arch.pte_mkyoung(arch.pfn_pte(folio_pfn(prealloc), dst_vma.vm_page_prot));
                            if ((dst_vma.vm_flags & VM_WRITE) != 0)
                                copy = arch.pte_mkwrite(arch.pte_mkdirty(copy));
                            set_pte_at(task, dst_pte, copy);
                            HandOver(prealloc, to: "the entry");
                            prealloc = default;
                            continue;
                        }

                        folio_dup_anon_rmap_pte(folio);
                        dst_mm.rss_anon++;
                    }
                    else
                    {
                        folio_add_file_rmap_pte(task, folio);
                        CountRss(dst_mm, folio, 1);
                    }

                    folio_get(folio);
                    HandOver(folio, to: "the entry");
                }

                while (is_cow && arch.pte_write(pte))
                {
                    pte_t protect = arch.pte_wrprotect(pte);
                    if (ptep_try_replace(task, src_pte, pte, protect))
                        pte = protect;
                    else
                        pte = ptep_get(src_pte);
                }

                if ((src_vma.vm_flags & VM_SHARED) != 0)
                    pte = arch.pte_mkclean(pte);
                set_pte_at(task, dst_pte, arch.pte_mkold(pte));
            }

            spin_unlock(src_mm.page_table_lock);
            spin_unlock(dst_mm.page_table_lock);
            if (need)
            {
                prealloc = folio_alloc(GFP_HIGHUSER_MOVABLE, 0);
                if (prealloc.IS_NULL)
                {
                    ret = -ENOMEM;
                    break;
                }
            }
        }

        if (!prealloc.IS_NULL)
            folio_put(prealloc);
        return ret;
    }

    // Faults.

    private static vm_fault_t __handle_mm_fault(task_struct task, vm_area_struct vma, ulong address, fault_flag flags)
    {
        mm_struct mm = vma.vm_mm;
        vm_fault vmf = default;
        vmf.vma = vma;
        vmf.address = address & PAGE_MASK;
        vmf.real_address = address;
        vmf.flags = flags;
        vmf.pgoff = linear_page_index(vma, address);
        vmf.gfp_mask = vma.vm_file is { } file ? mapping_gfp_mask(file.f_mapping) | GFP_KERNEL : GFP_KERNEL;
        pt_cursor cursor = new(mm);
        ulong table = cursor.WalkPte(address, out _);
        if (table != 0)
        {
            vmf.pte = table + (pte_index(address) * 8);
            vmf.orig_pte = ptep_get(Entry(mm, vmf.pte));
        }

        if (vmf.orig_pte.val == 0 && thp_vma_allowable_order(vma, address) && (table == 0 || StandsForHugeEntry(mm.kernel, table)))
        {
            vm_fault_t ret = do_huge_pmd_anonymous_page(task, ref vmf);
            if ((ret & vm_fault_t.VM_FAULT_FALLBACK) == 0)
                return ret;
        }

        return handle_pte_fault(task, ref vmf);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* Entry(mm_struct mm, ulong pa) => (ulong*)mm.memory.Host(pa);

    private static vm_fault_t handle_pte_fault(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        if (vmf.orig_pte.val == 0)
            return vma_is_anonymous(vma) ? do_anonymous_page(task, ref vmf) : do_fault(task, ref vmf);
        if (!arch.pte_present(vmf.orig_pte))
            return do_swap_page(ref vmf);

        ulong* pte = Entry(mm, vmf.pte);
        spin_lock(mm.page_table_lock);
        pte_t entry = ptep_get(pte);
        if (!SameExceptBits(arch, entry, vmf.orig_pte))
        {
            // Somebody was faster; the access is simply made again.
            spin_unlock(mm.page_table_lock);
            return vm_fault_t.NONE;
        }

        if ((vmf.flags & (fault_flag.FAULT_FLAG_WRITE | fault_flag.FAULT_FLAG_UNSHARE)) != 0)
        {
            if (!arch.pte_write(entry))
            {
                vmf.orig_pte = entry;
                return do_wp_page(task, ref vmf);
            }

            if ((vmf.flags & fault_flag.FAULT_FLAG_WRITE) != 0)
                entry = arch.pte_mkdirty(entry);
        }

        SetAccessFlags(task, arch, pte, arch.pte_mkyoung(entry), (vmf.flags & fault_flag.FAULT_FLAG_WRITE) != 0);
        spin_unlock(mm.page_table_lock);

        return vm_fault_t.NONE;
    }

    /// <summary>Adds accessed, dirty and write to an entry, whatever the MMU adds meanwhile.</summary>
    private static void SetAccessFlags(task_struct task, Arch arch, ulong* pte, pte_t entry, bool dirty)
    {
        while (true)
        {
            pte_t old = ptep_get(pte);
            pte_t wanted = arch.pte_young(old) ? arch.pte_mkyoung(entry) : entry;
            if (dirty || arch.pte_dirty(old))
                wanted = arch.pte_mkdirty(wanted);
            if (ptep_try_replace(task, pte, old, wanted))
                return;
        }
    }

    private static bool SameExceptBits(Arch arch, pte_t a, pte_t b) =>
        a == b || arch.pte_mkold(arch.pte_mkclean(a)) == arch.pte_mkold(arch.pte_mkclean(b));

    /// <summary>Entries that are neither empty nor present: markers. Nothing is ever swapped.</summary>
    private static vm_fault_t do_swap_page(ref vm_fault vmf)
    {
        Arch arch = vmf.vma.vm_mm.arch;
        if (is_hwpoison_entry(arch, vmf.orig_pte))
            return vm_fault_t.VM_FAULT_HWPOISON;
        if (is_guard_pte_marker(arch, vmf.orig_pte))
            return vm_fault_t.VM_FAULT_SIGSEGV;
        if (arch.is_swp_entry(vmf.orig_pte, out uint type, out uint value) && type == SWP_PTE_MARKER && (value & PTE_MARKER_POISONED) != 0)
            return vm_fault_t.VM_FAULT_HWPOISON;
        return vm_fault_t.VM_FAULT_SIGBUS;
    }

    /// <summary>Makes sure that the entry's table exists.</summary>
    private static bool EnsureTable(ref vm_fault vmf)
    {
        if (vmf.pte != 0)
            return true;
        ulong table = pte_alloc(vmf.vma.vm_mm, vmf.address);
        if (table == 0)
            return false;
        vmf.pte = table + (pte_index(vmf.address) * 8);
        return true;
    }

    private static pte_t maybe_mkwrite(Arch arch, pte_t pte, vm_area_struct vma) => (vma.vm_flags & VM_WRITE) != 0 ? arch.pte_mkwrite(pte) : pte;

    [MustCheck]
    [ReturnsReference]
    private static folio AllocUser(gfp_t extra) => folio_alloc(GFP_HIGHUSER_MOVABLE | extra, 0);

    private static vm_fault_t do_anonymous_page(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;

        // A shared mapping whose file has no operations.
        if ((vma.vm_flags & VM_SHARED) != 0)
            return vm_fault_t.VM_FAULT_SIGBUS;
        if (!EnsureTable(ref vmf))
            return vm_fault_t.VM_FAULT_OOM;
        folio folio = default;
        pte_t entry;
        if ((vmf.flags & fault_flag.FAULT_FLAG_WRITE) == 0)
        {
            entry = arch.pfn_pte(mm.kernel.zero_pfn, vma.vm_page_prot);
        }
        else
        {
            if (vma.anon_vma is null && anon_vma_prepare(vma) != 0)
                return vm_fault_t.VM_FAULT_OOM;
            folio = AllocUser(__GFP_ZERO);
            if (folio.IS_NULL)
                return vm_fault_t.VM_FAULT_OOM;
            entry = arch.pte_mkyoung(arch.pfn_pte(folio_pfn(folio), vma.vm_page_prot));
            if ((vma.vm_flags & VM_WRITE) != 0)
                entry = arch.pte_mkwrite(arch.pte_mkdirty(entry));
        }

        ulong* pte = Entry(mm, vmf.pte);
        spin_lock(mm.page_table_lock);
        if (ptep_get(pte).val != 0)
        {
            spin_unlock(mm.page_table_lock);
            if (!folio.IS_NULL)
                folio_put(folio);
            return vm_fault_t.NONE;
        }

        if (!folio.IS_NULL)
        {
            mm.rss_anon++;
            folio_add_new_anon_rmap(task, folio, vma);
            mlock_vma_folio(task, folio, vma);
            HandOver(folio, to: "the entry");
        }

        set_pte_at(task, pte, entry);
        spin_unlock(mm.page_table_lock);
        return vm_fault_t.NONE;
    }

    private static vm_fault_t do_fault(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        if (vma.vm_ops!.fault is null)
            return vm_fault_t.VM_FAULT_SIGBUS;
        if ((vmf.flags & fault_flag.FAULT_FLAG_WRITE) == 0)
            return do_read_fault(task, ref vmf);
        return (vma.vm_flags & VM_SHARED) == 0 ? do_cow_fault(task, ref vmf) : do_shared_fault(task, ref vmf);
    }

    /// <summary>Asks the file for the page. It comes locked and referenced.</summary>
    [MightSleep]
    [ContextUnsafe("the bits of the answer say whether vmf.page is locked and counted")]
    private static vm_fault_t __do_fault(ref vm_fault vmf)
    {
        // With the table there already, nothing has to be allocated between the lock on the page and the entry.
        if (!EnsureTable(ref vmf))
            return vm_fault_t.VM_FAULT_OOM;
        vm_fault_t ret = vmf.vma.vm_ops!.fault!(ref vmf);
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE | vm_fault_t.VM_FAULT_RETRY | vm_fault_t.VM_FAULT_DONE_COW)) != 0)
            return ret;
        folio folio = page_folio(vmf.page);
        if (folio_test_hwpoison(folio))
        {
            if ((ret & vm_fault_t.VM_FAULT_LOCKED) != 0)
                folio_unlock(folio);
            folio_put(folio);
            vmf.page = default;
            return vm_fault_t.VM_FAULT_HWPOISON;
        }

        if ((ret & vm_fault_t.VM_FAULT_LOCKED) == 0)
            folio_lock(folio);
        return ret | vm_fault_t.VM_FAULT_LOCKED;
    }

    /// <summary>The page that <see cref="__do_fault"/> found, where it found one.</summary>
    [Acquires("return")]
    [ReturnsReference]
    [ContextUnsafe("__do_fault() locked and counted vmf.page")]
    private static folio FaultedFolio(ref vm_fault vmf) => page_folio(vmf.page);

    private static bool should_fault_around(ref vm_fault vmf) =>
        vmf.vma.vm_ops!.map_pages is not null && (vmf.vma.uffd_flags & (uint)VM_UFFD_WP) == 0;

    /// <summary>Maps what is there already in a window around the address: within the area, and within one table.</summary>
    private static vm_fault_t do_fault_around(ref vm_fault vmf)
    {
        const ulong fault_around_pages = 16;
        vm_area_struct vma = vmf.vma;
        ulong pte_off = (ulong)pte_index(vmf.address);
        ulong vma_off = vmf.pgoff - vma.vm_pgoff;
        ulong from_pte = Math.Max(pte_off & ~(fault_around_pages - 1), pte_off - Math.Min(pte_off, vma_off));
        ulong to_pte = Math.Min(Math.Min(from_pte + fault_around_pages, PTRS_PER_PTE), pte_off + vma_pages(vma) - vma_off) - 1;
        if (!EnsureTable(ref vmf))
            return vm_fault_t.VM_FAULT_OOM;
        return vma.vm_ops!.map_pages!(ref vmf, vmf.pgoff + from_pte - pte_off, vmf.pgoff + to_pte - pte_off);
    }

    /// <summary>Maps a page of a file at an address of the faulting table, unless something is there. The entry takes over the caller's reference.</summary>
    /// <returns>Whether it did.</returns>
    internal static bool set_pte_range(task_struct task, ref vm_fault vmf, [BorrowsReference] folio folio, ulong addr)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        ulong* pte = Entry(mm, (vmf.pte & PAGE_MASK) + ((ulong)pte_index(addr) * 8));
        spin_lock(mm.page_table_lock);
        bool free = ptep_get(pte).val == 0;
        if (free)
        {
            pte_t entry = mm.arch.pfn_pte(folio_pfn(folio), vma.vm_page_prot);
            if (addr == vmf.address)
                entry = mm.arch.pte_mkyoung(entry);
            folio_add_file_rmap_pte(task, folio);
            CountRss(mm, folio, 1);
            mlock_vma_folio(task, folio, vma);
            set_pte_at(task, pte, entry);
        }

        spin_unlock(mm.page_table_lock);
        return free;
    }

    private static vm_fault_t do_read_fault(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        if (should_fault_around(ref vmf))
        {
            vm_fault_t around = do_fault_around(ref vmf);
            if (around != vm_fault_t.NONE)
                return around;
        }

        vm_fault_t ret = __do_fault(ref vmf);
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE | vm_fault_t.VM_FAULT_RETRY)) != 0)
            return ret;
        folio folio = FaultedFolio(ref vmf);
        ret |= finish_fault(task, ref vmf);
        folio_unlock(folio);
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE | vm_fault_t.VM_FAULT_RETRY)) != 0)
            folio_put(folio);
        else
            HandOver(folio, to: "the entry");
        return ret;
    }

    private static vm_fault_t do_cow_fault(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        if (vma.anon_vma is null && anon_vma_prepare(vma) != 0)
            return vm_fault_t.VM_FAULT_OOM;
        folio copy = AllocUser(gfp_t.__GFP_NONE);
        if (copy.IS_NULL)
            return vm_fault_t.VM_FAULT_OOM;
        vmf.cow_page = copy.page;
        vm_fault_t ret = __do_fault(ref vmf);
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE | vm_fault_t.VM_FAULT_RETRY)) != 0)
        {
            folio_put(copy);
            return ret;
        }

        folio source = FaultedFolio(ref vmf);
        copy_highpage(vmf.cow_page, vmf.page);
        ret |= finish_fault(task, ref vmf);
        folio_unlock(source);
        folio_put(source);
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE | vm_fault_t.VM_FAULT_RETRY)) != 0)
            folio_put(copy);
        else
            HandOver(copy, to: "the entry");
        return ret;
    }

    private static vm_fault_t do_shared_fault(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        vm_fault_t ret = __do_fault(ref vmf);
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE | vm_fault_t.VM_FAULT_RETRY)) != 0)
            return ret;
        folio folio = FaultedFolio(ref vmf);

        // The file may have something to do, or to say, before its page is written to.
        if (vma.vm_ops!.page_mkwrite is { } page_mkwrite)
        {
            folio_unlock(folio);
            if (!MayWrite(ref vmf, page_mkwrite, folio, out vm_fault_t tmp))
            {
                folio_put(folio);
                return tmp;
            }
        }

        ret |= finish_fault(task, ref vmf);
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE | vm_fault_t.VM_FAULT_RETRY)) != 0)
        {
            folio_unlock(folio);
            folio_put(folio);
            return ret;
        }

        fault_dirty_shared_page(folio);
        HandOver(folio, to: "the entry");
        return ret;
    }

    /// <returns>0 when the page was truncated meanwhile, else the handler's answer with the page locked.</returns>
    [MightSleep]
    [ContextUnsafe("the bits of the answer say whether the page is locked")]
    private static vm_fault_t do_page_mkwrite(ref vm_fault vmf, fault_t page_mkwrite, folio folio)
    {
        fault_flag old_flags = vmf.flags;
        vmf.flags = fault_flag.FAULT_FLAG_WRITE | fault_flag.FAULT_FLAG_MKWRITE;
        vm_fault_t ret = page_mkwrite(ref vmf);
        vmf.flags = old_flags;
        if ((ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE)) != 0)
            return ret;
        if ((ret & vm_fault_t.VM_FAULT_LOCKED) == 0)
        {
            folio_lock(folio);
            if (folio_mapping(folio) is null)
            {
                folio_unlock(folio);
                return vm_fault_t.NONE;
            }

            ret |= vm_fault_t.VM_FAULT_LOCKED;
        }

        return ret;
    }

    /// <summary>Whether the file lets the page be written to; the page is locked then.</summary>
    [CondAcquires(true, "folio")]
    [MustCheck]
    [MightSleep]
    [ContextUnsafe("the bits of the answer say whether the page is locked")]
    private static bool MayWrite(ref vm_fault vmf, fault_t page_mkwrite, [BorrowsReference] folio folio, out vm_fault_t ret)
    {
        ret = do_page_mkwrite(ref vmf, page_mkwrite, folio);
        return ret != 0 && (ret & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_NOPAGE)) == 0;
    }

    [Releases("folio")]
    private static void fault_dirty_shared_page(folio folio)
    {
        MarkDirty(folio);
        folio_unlock(folio);
    }

    /// <summary>Enters the page that was found, or its private copy, unless somebody was faster.</summary>
    private static vm_fault_t finish_fault(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        bool write = (vmf.flags & fault_flag.FAULT_FLAG_WRITE) != 0;
        bool is_cow = write && (vma.vm_flags & VM_SHARED) == 0;
        page page = is_cow ? vmf.cow_page : vmf.page;
        folio folio = page_folio(page);
        if (!EnsureTable(ref vmf))
            return vm_fault_t.VM_FAULT_OOM;
        ulong* pte = Entry(mm, vmf.pte);
        spin_lock(mm.page_table_lock);
        if (ptep_get(pte).val != 0)
        {
            spin_unlock(mm.page_table_lock);
            return vm_fault_t.VM_FAULT_NOPAGE;
        }

        pte_t entry = arch.pte_mkyoung(arch.pfn_pte(page_to_pfn(page), vma.vm_page_prot));
        if (write)
            entry = maybe_mkwrite(arch, arch.pte_mkdirty(entry), vma);
        if (is_cow)
        {
            folio_add_new_anon_rmap(task, folio, vma);
            mm.rss_anon++;
        }
        else
        {
            folio_add_file_rmap_pte(task, folio);
            CountRss(mm, folio, 1);
        }

        mlock_vma_folio(task, folio, vma);
        set_pte_at(task, pte, entry);
        spin_unlock(mm.page_table_lock);
        return vm_fault_t.NONE;
    }

    /// <summary>A store to a page that is mapped read-only although the area is writable. Drops page_table_lock, and only then sleeps.</summary>
    [Releases("vmf.vma.vm_mm.page_table_lock")]
    private static vm_fault_t do_wp_page(task_struct task, ref vm_fault vmf)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        bool unshare = (vmf.flags & fault_flag.FAULT_FLAG_UNSHARE) != 0;
        page page = vm_normal_page(vma, vmf.orig_pte);
        vmf.page = page;
        folio folio = page.IS_NULL ? default : page_folio(page);
        if ((vma.vm_flags & (VM_SHARED | VM_MAYSHARE)) != 0 && !unshare)
            return wp_page_shared(task, ref vmf, folio);
        if (!folio.IS_NULL && folio_test_anon(folio) && (PageAnonExclusive(page) || wp_can_reuse_anon_folio(folio)))
        {
            SetPageAnonExclusive(page);
            if (!unshare)
                wp_page_reuse(task, ref vmf);
            spin_unlock(mm.page_table_lock);
            return vm_fault_t.NONE;
        }

        if (!folio.IS_NULL)
            folio_get(folio);
        spin_unlock(mm.page_table_lock);

        // A store to a huge zero page gets a huge page; one to a shared huge page splits it.
        ulong table = vmf.pte & PAGE_MASK;
        if (StandsForHugeEntry(mm.kernel, table))
        {
            if (folio.IS_NULL && thp_vma_allowable_order(vma, vmf.address) && anon_vma_prepare(vma) == 0 && Fill(task, vma, table, fault: true) == 0)
                return vm_fault_t.NONE;
            split_huge_pmd(mm.kernel, table);
        }

        return wp_page_copy(task, ref vmf, folio);
    }

    /// <summary>Nobody but this entry knows the page.</summary>
    private static bool wp_can_reuse_anon_folio(folio folio) => folio_ref_count(folio) == 1 && folio_mapcount(folio) == 1;

    [MustHold("vmf.vma.vm_mm.page_table_lock")]
    private static void wp_page_reuse(task_struct task, ref vm_fault vmf)
    {
        mm_struct mm = vmf.vma.vm_mm;
        Arch arch = mm.arch;
        pte_t entry = maybe_mkwrite(arch, arch.pte_mkdirty(arch.pte_mkyoung(vmf.orig_pte)), vmf.vma);
        SetAccessFlags(task, arch, Entry(mm, vmf.pte), entry, dirty: true);
    }

    [Releases("vmf.vma.vm_mm.page_table_lock")]
    private static vm_fault_t wp_page_shared(task_struct task, ref vm_fault vmf, folio folio)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        if (folio.IS_NULL)
        {
            wp_page_reuse(task, ref vmf);
            spin_unlock(mm.page_table_lock);
            return vm_fault_t.NONE;
        }

        folio_get(folio);
        if (vma.vm_ops?.page_mkwrite is { } page_mkwrite)
        {
            spin_unlock(mm.page_table_lock);
            if (!MayWrite(ref vmf, page_mkwrite, folio, out vm_fault_t tmp))
            {
                folio_put(folio);
                return tmp;
            }

            spin_lock(mm.page_table_lock);
            if (!SameExceptBits(mm.arch, ptep_get(Entry(mm, vmf.pte)), vmf.orig_pte))
            {
                spin_unlock(mm.page_table_lock);
                folio_unlock(folio);
                folio_put(folio);
                return vm_fault_t.NONE;
            }

            wp_page_reuse(task, ref vmf);
            spin_unlock(mm.page_table_lock);
        }
        else
        {
            wp_page_reuse(task, ref vmf);
            spin_unlock(mm.page_table_lock);
            folio_lock(folio);
        }

        fault_dirty_shared_page(folio);
        folio_put(folio);
        return vm_fault_t.NONE;
    }

    /// <summary>Gives the area a private copy. Consumes a reference to the old folio, which is NULL for the zero page.</summary>
    [MightSleep]
    private static vm_fault_t wp_page_copy(task_struct task, ref vm_fault vmf, [ConsumesReference] folio old_folio)
    {
        vm_area_struct vma = vmf.vma;
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        bool unshare = (vmf.flags & fault_flag.FAULT_FLAG_UNSHARE) != 0;
        folio new_folio = default;
        if (vma.anon_vma is not null || anon_vma_prepare(vma) == 0)
            new_folio = AllocUser(old_folio.IS_NULL ? __GFP_ZERO : gfp_t.__GFP_NONE);
        if (new_folio.IS_NULL)
        {
            if (!old_folio.IS_NULL)
                folio_put(old_folio);
            return vm_fault_t.VM_FAULT_OOM;
        }

        if (!old_folio.IS_NULL)
            copy_highpage(new_folio.page, vmf.page);
        mmu_notifier_range range = default;
        mmu_notifier_range_init(ref range, mmu_notifier_event.MMU_NOTIFY_CLEAR, 0, mm, vmf.address, vmf.address + PAGE_SIZE);
        mmu_notifier_invalidate_range_start(ref range);
        ulong* pte = Entry(mm, vmf.pte);
        spin_lock(mm.page_table_lock);
        bool copied = SameExceptBits(arch, ptep_get(pte), vmf.orig_pte);
        if (copied)
        {
            if (!old_folio.IS_NULL)
                CountRss(mm, old_folio, -1);
            mm.rss_anon++;
            pte_t entry = arch.pte_mkyoung(arch.pfn_pte(folio_pfn(new_folio), vma.vm_page_prot));
            if (!unshare)
                entry = maybe_mkwrite(arch, arch.pte_mkdirty(entry), vma);

            // Empty and flushed before the new entry is there: no CPU may read the old page after another wrote to the new one.
            ptep_get_and_clear(task, pte);
            arch.flush_tlb_mm_range(mm, vmf.address, vmf.address + PAGE_SIZE, PAGE_SHIFT, freed_tables: false);
            folio_add_new_anon_rmap(task, new_folio, vma);
            mlock_vma_folio(task, new_folio, vma);
            set_pte_at(task, pte, entry);
            if (!old_folio.IS_NULL)
                folio_remove_rmap_pte(task, old_folio);
        }

        spin_unlock(mm.page_table_lock);
        mmu_notifier_invalidate_range_end(ref range);
        if (copied)
            HandOver(new_folio, to: "the entry");
        else
            folio_put(new_folio);
        if (!old_folio.IS_NULL)
        {
            if (copied)
            {
                TakeOver(old_folio, from: "the entry");
                folio_put(old_folio);
            }

            folio_put(old_folio);
        }

        return vm_fault_t.NONE;
    }
}
