// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/gup.c, Linux 6.18; gup_fast_folio_allowed and check_vma_flags follow the direct-map series v12.
namespace Linux;

internal static unsafe class Gup
{
    /// <summary>Takes references of the kind that the flags ask for; none without FOLL_GET and FOLL_PIN. The caller knows that the folio is alive.</summary>
    [MustCheck]
    internal static int try_grab_folio([BorrowsReference] folio folio, int refs, foll_flag flags)
    {
        if (WARN_ON_ONCE(folio_ref_count(folio) <= 0))
            return -ENOMEM;
        if ((flags & foll_flag.FOLL_GET) != 0)
        {
            folio_ref_add(folio, refs);
        }
        else if ((flags & foll_flag.FOLL_PIN) != 0)
        {
            task_struct task = current;

            // The zero page is never written to and never goes away.
            if (folio.page == task.kernel.zero_page)
                return 0;
            folio_ref_add(folio, refs * GUP_PIN_COUNTING_BIAS);
            mod_node_page_state(task, node_stat_item.NR_FOLL_PIN_ACQUIRED, refs);
        }

        return 0;
    }

    internal static void unpin_user_page(page page) => gup_put_folio(page_folio(page), 1, foll_flag.FOLL_PIN);

    internal static void unpin_user_pages(ReadOnlySpan<page> pages)
    {
        foreach (page page in pages)
            unpin_user_page(page);
    }

    internal static void unpin_user_pages_dirty_lock(ReadOnlySpan<page> pages, bool make_dirty)
    {
        foreach (page page in pages)
        {
            if (make_dirty)
                MarkDirtyLock(page_folio(page));
            unpin_user_page(page);
        }
    }

    /// <summary>Pages of the current process, without mmap_lock where the page tables alone can tell.</summary>
    /// <returns>Pages taken, perhaps fewer than asked; or a negative errno if none was.</returns>
    [MightSleep]
    internal static int get_user_pages_fast(ulong start, int nr_pages, foll_flag gup_flags, Span<page> pages) =>
        gup_fast_fallback(start, nr_pages, gup_flags | foll_flag.FOLL_GET | foll_flag.FOLL_TOUCH, pages);

    /// <summary>One page without sleeping, with a reference; false if that takes a fault.</summary>
    internal static bool get_user_page_fast_only(ulong addr, foll_flag gup_flags, out page page)
    {
        page = default;
        return get_user_pages_fast_only(addr, 1, gup_flags, new Span<page>(ref page)) == 1;
    }

    internal static int get_user_pages_fast_only(ulong start, int nr_pages, foll_flag gup_flags, Span<page> pages) =>
        gup_fast_fallback(start, nr_pages, gup_flags | foll_flag.FOLL_GET | foll_flag.FOLL_FAST_ONLY, pages);

    [MightSleep]
    internal static int pin_user_pages_fast(ulong start, int nr_pages, foll_flag gup_flags, Span<page> pages) =>
        gup_fast_fallback(start, nr_pages, gup_flags | foll_flag.FOLL_PIN, pages);

    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    internal static long get_user_pages(ulong start, long nr_pages, foll_flag gup_flags, Span<page> pages) =>
        __get_user_pages_locked(current.mm!, start, nr_pages, pages, gup_flags | foll_flag.FOLL_GET | foll_flag.FOLL_TOUCH);

    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    internal static long pin_user_pages(ulong start, long nr_pages, foll_flag gup_flags, Span<page> pages) =>
        __get_user_pages_locked(current.mm!, start, nr_pages, pages, gup_flags | foll_flag.FOLL_PIN);

    [MightSleep]
    internal static long get_user_pages_unlocked(ulong start, long nr_pages, Span<page> pages, foll_flag gup_flags) =>
        Unlocked(current.mm!, start, nr_pages, pages, gup_flags | foll_flag.FOLL_GET | foll_flag.FOLL_TOUCH | foll_flag.FOLL_UNLOCKABLE);

    [MightSleep]
    internal static long pin_user_pages_unlocked(ulong start, long nr_pages, Span<page> pages, foll_flag gup_flags) =>
        Unlocked(current.mm!, start, nr_pages, pages, gup_flags | foll_flag.FOLL_PIN | foll_flag.FOLL_TOUCH | foll_flag.FOLL_UNLOCKABLE);

    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    internal static long get_user_pages_remote(mm_struct mm, ulong start, long nr_pages, foll_flag gup_flags, Span<page> pages) =>
        __get_user_pages_locked(mm, start, nr_pages, pages, gup_flags | foll_flag.FOLL_GET | foll_flag.FOLL_TOUCH | foll_flag.FOLL_REMOTE);

    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    internal static long pin_user_pages_remote(mm_struct mm, ulong start, long nr_pages, foll_flag gup_flags, Span<page> pages) =>
        __get_user_pages_locked(mm, start, nr_pages, pages, gup_flags | foll_flag.FOLL_PIN | foll_flag.FOLL_TOUCH | foll_flag.FOLL_REMOTE);

    /// <summary>Resolves a fault on behalf of a process. Drops nothing: the lock is held throughout.</summary>
    /// <returns>0, -EFAULT, -ENOMEM, -EHWPOISON or -EINTR.</returns>
    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    [MustCheck]
    internal static int fixup_user_fault(mm_struct mm, ulong address, fault_flag fault_flags, out bool unlocked)
    {
        unlocked = false;
        while (true)
        {
            vm_area_struct? vma = vma_lookup(mm, address);
            if (vma is null)
                return -EFAULT;
            if (!vma_permits_fault(vma, fault_flags))
                return -EFAULT;
            if (fatal_signal_pending(current))
                return -EINTR;
            mmap_assert_locked(vma.vm_mm);
            vm_fault_t ret = handle_mm_fault(vma, address, fault_flags);
            if ((ret & vm_fault_t.VM_FAULT_ERROR) != 0)
                return vm_fault_to_errno(ret, foll_flag.NONE);
            if ((ret & vm_fault_t.VM_FAULT_RETRY) == 0)
                return 0;
            fault_flags |= fault_flag.FAULT_FLAG_TRIED;
        }
    }

    /// <summary>Faults in a range of one area, as mlock and MAP_POPULATE want it.</summary>
    /// <returns>Pages done, or a negative errno if none was.</returns>
    [MustHoldShared("vma.vm_mm.mmap_lock")]
    [MightSleep]
    internal static long populate_vma_page_range(vm_area_struct vma, ulong start, ulong end)
    {
        long nr_pages = (long)((end - start) >> PAGE_SHIFT);
        foll_flag gup_flags = foll_flag.FOLL_TOUCH;
        if ((vma.vm_flags & VM_LOCKONFAULT) != 0)
            return nr_pages;
        if (!vma_is_accessible(vma))
            return -EFAULT;

        // Copies are made now; shared pages are not dirtied for nothing, and need not be readable.
        if ((vma.vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
            gup_flags |= foll_flag.FOLL_WRITE;
        else
            gup_flags |= foll_flag.FOLL_FORCE;
        return __get_user_pages(vma.vm_mm, start, nr_pages, gup_flags, default);
    }

    /// <summary>Faults in a range for MADV_POPULATE_*: what cannot be is an error, and tells why.</summary>
    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    internal static long faultin_page_range(mm_struct mm, ulong start, ulong end, bool write)
    {
        foll_flag gup_flags = foll_flag.FOLL_HWPOISON | foll_flag.FOLL_TOUCH | foll_flag.FOLL_UNLOCKABLE | foll_flag.FOLL_MADV_POPULATE;
        if (write)
            gup_flags |= foll_flag.FOLL_WRITE;
        return __get_user_pages_locked(mm, start, (long)((end - start) >> PAGE_SHIFT), default, gup_flags);
    }

    [MightSleep]
    internal static int __mm_populate(ulong start, ulong len, bool ignore_errors)
    {
        mm_struct mm = current.mm!;
        ulong end = start + len;
        long ret = 0;
        down_read(mm.mmap_lock);
        for (ulong nstart = start; nstart < end;)
        {
            vm_area_struct? vma = find_vma_intersection(mm, nstart, end);
            if (vma is null)
                break;
            ulong nend = Math.Min(end, vma.vm_end);
            if ((vma.vm_flags & (VM_IO | VM_PFNMAP)) != 0)
            {
                nstart = nend;
                continue;
            }

            if (nstart < vma.vm_start)
                nstart = vma.vm_start;
            mmap_assert_locked(vma.vm_mm);
            ret = populate_vma_page_range(vma, nstart, nend);
            if (ret < 0)
            {
                if (!ignore_errors)
                    break;
                ret = 0;
                nstart = nend;
                continue;
            }

            nstart += (ulong)ret << PAGE_SHIFT;
            ret = 0;
        }

        up_read(mm.mmap_lock);
        return (int)ret;
    }

    [MightSleep]
    internal static void mm_populate(ulong addr, ulong len) => _ = __mm_populate(addr, len, ignore_errors: true);

    /// <summary>Touches user memory for reading so that a later copy with faults off has a chance.</summary>
    /// <returns>Bytes at the end that could not be touched.</returns>
    [MightSleep]
    internal static ulong fault_in_readable(ulong uaddr, ulong size)
    {
        byte c;
        for (ulong at = uaddr; at < uaddr + size; at = PAGE_ALIGN(at + 1))
        {
            if (__copy_from_user(&c, at, 1) != 0)
                return uaddr + size - at;
        }

        return 0;
    }

    /// <inheritdoc cref="fault_in_readable"/>
    [MightSleep]
    internal static ulong fault_in_writeable(ulong uaddr, ulong size)
    {
        byte c;
        for (ulong at = uaddr; at < uaddr + size; at = PAGE_ALIGN(at + 1))
        {
            if (__copy_from_user(&c, at, 1) != 0 || __copy_to_user(at, &c, 1) != 0)
                return uaddr + size - at;
        }

        return 0;
    }

    /// <summary>Whether the flags allow an access to the area at all. The order of the checks is part of what callers see.</summary>
    [MustCheck]
    internal static int check_vma_flags(vm_area_struct vma, foll_flag gup_flags)
    {
        ulong vm_flags = vma.vm_flags;
        bool vma_anon = vma_is_anonymous(vma);
        if ((vm_flags & (VM_IO | VM_PFNMAP)) != 0)
            return -EFAULT;
        if ((gup_flags & foll_flag.FOLL_ANON) != 0 && !vma_anon)
            return -EFAULT;
        if ((gup_flags & foll_flag.FOLL_SPLIT_PMD) != 0 && (vm_flags & VM_HUGETLB) != 0)
            return -EOPNOTSUPP;
        if (vma_has_no_direct_map(vma))
            return -EFAULT;
        if ((gup_flags & foll_flag.FOLL_WRITE) != 0)
        {
            if (!vma_anon && !writable_file_mapping_allowed(vma, gup_flags))
                return -EFAULT;
            if ((vm_flags & VM_WRITE) == 0)
            {
                if ((gup_flags & foll_flag.FOLL_FORCE) == 0)
                    return -EFAULT;

                // Forcing a write makes a private copy, which a shared mapping must not have.
                if (!is_cow_mapping(vm_flags))
                    return -EFAULT;
            }
        }
        else if ((vm_flags & VM_READ) == 0)
        {
            if ((gup_flags & foll_flag.FOLL_FORCE) == 0)
                return -EFAULT;
            if ((vm_flags & VM_MAYREAD) == 0)
                return -EFAULT;
        }

        return 0;
    }

    /// <summary>What the lockless walk may hand out. The caller holds a reference and has interrupts off, so a mapping that is seen stays alive.</summary>
    internal static bool gup_fast_folio_allowed([BorrowsReference] folio folio, foll_flag flags)
    {
        if (WARN_ON_ONCE(folio.Frame->page_type == PGTY_slab))
            return false;
        ulong word = Volatile.Read(ref folio.Frame->mapping);

        // Truncated: the slow path decides. There are no devices whose pages have no mapping.
        if (word == 0)
            return false;
        if ((word & 7) != 0)
            return (word & 1) != 0;
        address_space mapping = folio_kernel(folio).mappings.Get((uint)(word >> 3));
        if (mapping_no_direct_map(mapping))
            return false;
        const foll_flag longterm = foll_flag.FOLL_PIN | foll_flag.FOLL_LONGTERM | foll_flag.FOLL_WRITE;
        return (flags & longterm) != longterm || shmem_mapping(mapping);
    }

    private static void gup_put_folio(folio folio, int refs, foll_flag flags)
    {
        if ((flags & foll_flag.FOLL_PIN) != 0)
        {
            task_struct task = current;
            if (folio.page == task.kernel.zero_page)
                return;
            mod_node_page_state(task, node_stat_item.NR_FOLL_PIN_RELEASED, refs);
            refs *= GUP_PIN_COUNTING_BIAS;
        }

        folio_put_refs(folio, refs);
    }

    private static void MarkDirtyLock(folio folio)
    {
        folio_lock(folio);
        if (folio_mapping(folio) is { } mapping)
            mapping.a_ops.dirty_folio?.Invoke(mapping, folio);
        folio_unlock(folio);
    }

    private static bool writable_file_mapping_allowed(vm_area_struct vma, foll_flag gup_flags)
    {
        // A long-term pin writes behind the back of a file that wants to hear of writes.
        if ((gup_flags & (foll_flag.FOLL_PIN | foll_flag.FOLL_LONGTERM)) != (foll_flag.FOLL_PIN | foll_flag.FOLL_LONGTERM))
            return true;
        return (vma.vm_flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE) || vma.vm_ops?.page_mkwrite is null;
    }

    private static bool vma_permits_fault(vm_area_struct vma, fault_flag fault_flags)
    {
        ulong vm_flags = (fault_flags & fault_flag.FAULT_FLAG_WRITE) != 0 ? VM_WRITE : VM_READ;
        return (vm_flags & vma.vm_flags) != 0;
    }

    private static int vm_fault_to_errno(vm_fault_t vm_fault, foll_flag foll_flags)
    {
        if ((vm_fault & vm_fault_t.VM_FAULT_OOM) != 0)
            return -ENOMEM;
        if ((vm_fault & (vm_fault_t.VM_FAULT_HWPOISON | vm_fault_t.VM_FAULT_HWPOISON_LARGE)) != 0)
            return (foll_flags & foll_flag.FOLL_HWPOISON) != 0 ? -EHWPOISON : -EFAULT;
        return (vm_fault & (vm_fault_t.VM_FAULT_SIGBUS | vm_fault_t.VM_FAULT_SIGSEGV)) != 0 ? -EFAULT : 0;
    }

    /// <summary>A read-only pin must see what the process writes later, so the page must be the process' own.</summary>
    private static bool gup_must_unshare(vm_area_struct? vma, foll_flag flags, page page)
    {
        if ((flags & (foll_flag.FOLL_WRITE | foll_flag.FOLL_PIN)) != foll_flag.FOLL_PIN)
            return false;
        if (!folio_test_anon(page_folio(page)))
        {
            if ((flags & foll_flag.FOLL_LONGTERM) == 0)
                return false;
            return vma is null || is_cow_mapping(vma.vm_flags);
        }

        return !PageAnonExclusive(page);
    }

    private static bool can_follow_write_pte(Arch arch, pte_t pte, page page, vm_area_struct vma, foll_flag flags)
    {
        if (arch.pte_write(pte))
            return true;
        if ((flags & foll_flag.FOLL_FORCE) == 0 || (vma.vm_flags & (VM_MAYSHARE | VM_SHARED)) != 0)
            return false;
        if ((vma.vm_flags & VM_MAYWRITE) == 0 || (vma.vm_flags & VM_WRITE) != 0)
            return false;

        // A forced write has made its copy already.
        return !page.IS_NULL && folio_test_anon(page_folio(page)) && PageAnonExclusive(page);
    }

    /// <returns>The page, NULL to fault it in, -EMLINK to fault it in unshared, or another negative errno.</returns>
    private static page follow_page_mask(task_struct task, vm_area_struct vma, ulong address, foll_flag flags)
    {
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        pt_cursor cursor = new(mm);
        ulong table = cursor.WalkPte(address, out _);
        if (table == 0)
            return no_page_table(flags);
        ulong* ptep = (ulong*)mm.memory.Host(table) + pte_index(address);
        spin_lock(mm.page_table_lock);
        page page = follow_page_pte(task, vma, arch, ptep_get(ptep), flags);
        spin_unlock(mm.page_table_lock);
        return page;
    }

    [MustHold("vma.vm_mm.page_table_lock")]
    private static page follow_page_pte(task_struct task, vm_area_struct vma, Arch arch, pte_t pte, foll_flag flags)
    {
        if (pte.val == 0)
            return no_page_table(flags);
        if (!arch.pte_present(pte))
            return default;
        if ((flags & foll_flag.FOLL_HONOR_NUMA_FAULT) != 0 && vma_is_accessible(vma) && pte_protnone(arch, pte))
            return default;
        page page = vm_normal_page(vma, pte);
        if ((flags & foll_flag.FOLL_WRITE) != 0 && !can_follow_write_pte(arch, pte, page, vma, flags))
            return default;
        if (page.IS_NULL)
        {
            if ((flags & foll_flag.FOLL_DUMP) != 0)
                return page.ERR_PTR(-EFAULT);
            if (!is_zero_pfn(task.kernel, arch.pte_pfn(pte)))
                return page.ERR_PTR((flags & (foll_flag.FOLL_GET | foll_flag.FOLL_PIN)) != 0 ? -EFAULT : -EEXIST);
            page = task.kernel.zero_page;
        }

        if (!arch.pte_write(pte) && gup_must_unshare(vma, flags, page))
            return page.ERR_PTR(-EMLINK);
        folio folio = page_folio(page);
        int ret = try_grab_folio(folio, 1, flags);
        if (ret != 0)
            return page.ERR_PTR(ret);
        if ((flags & foll_flag.FOLL_TOUCH) != 0)
        {
            if ((flags & foll_flag.FOLL_WRITE) != 0 && !arch.pte_dirty(pte) && !folio_test_dirty(folio) && folio_mapping(folio) is { } mapping)
                mapping.a_ops.dirty_folio?.Invoke(mapping, folio);
        }

        return page;
    }

    private static page no_page_table(foll_flag flags) => (flags & foll_flag.FOLL_DUMP) != 0 ? page.ERR_PTR(-EFAULT) : default;

    [MustHoldShared("vma.vm_mm.mmap_lock")]
    [MightSleep]
    private static int faultin_page(vm_area_struct vma, ulong address, foll_flag flags, bool unshare)
    {
        if ((flags & foll_flag.FOLL_NOFAULT) != 0)
            return -EFAULT;
        fault_flag fault_flags = fault_flag.NONE;
        if ((flags & foll_flag.FOLL_WRITE) != 0)
            fault_flags |= fault_flag.FAULT_FLAG_WRITE;
        if ((flags & foll_flag.FOLL_REMOTE) != 0)
            fault_flags |= fault_flag.FAULT_FLAG_REMOTE;
        if ((flags & foll_flag.FOLL_UNLOCKABLE) != 0)
            fault_flags |= fault_flag.FAULT_FLAG_ALLOW_RETRY | fault_flag.FAULT_FLAG_KILLABLE;
        if (unshare)
            fault_flags = (fault_flags & ~fault_flag.FAULT_FLAG_WRITE) | fault_flag.FAULT_FLAG_UNSHARE;
        vm_fault_t ret = handle_mm_fault(vma, address, fault_flags);
        if ((ret & vm_fault_t.VM_FAULT_ERROR) != 0)
            return vm_fault_to_errno(ret, flags);
        return 0;
    }

    /// <summary>The slow walk: faults in what is missing.</summary>
    /// <returns>Pages done, or a negative errno if none was.</returns>
    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    private static long __get_user_pages(mm_struct mm, ulong start, long nr_pages, foll_flag gup_flags, Span<page> pages)
    {
        long i = 0;
        long ret = 0;
        vm_area_struct? vma = null;
        task_struct task = current;
        if (nr_pages == 0)
            return 0;
        bool want = !pages.IsEmpty;
        do
        {
            if (vma is null || start >= vma.vm_end)
            {
                vma = vma_lookup(mm, start);
                if (vma is null)
                {
                    ret = (gup_flags & foll_flag.FOLL_MADV_POPULATE) != 0 ? -ENOMEM : -EFAULT;
                    break;
                }

                int check = check_vma_flags(vma, gup_flags);
                if (check != 0)
                {
                    ret = (gup_flags & foll_flag.FOLL_MADV_POPULATE) != 0 ? -EINVAL : check;
                    break;
                }
            }

        retry:
            if (fatal_signal_pending(task))
            {
                ret = -EINTR;
                break;
            }

            page page = follow_page_mask(task, vma, start, gup_flags);
            if (page.IS_NULL || (IS_ERR(page) && PTR_ERR(page) == -EMLINK))
            {
                mmap_assert_locked(vma.vm_mm);
                ret = faultin_page(vma, start, gup_flags, unshare: !page.IS_NULL);
                if (ret == 0)
                    goto retry;
                break;
            }

            if (IS_ERR(page) && (PTR_ERR(page) != -EEXIST || want))
            {
                ret = PTR_ERR(page);
                break;
            }

            if (want)
                pages[(int)i] = page;
            i++;
            start += PAGE_SIZE;
        }
        while (--nr_pages != 0);
        return i != 0 ? i : ret;
    }

    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    private static long __get_user_pages_locked(mm_struct mm, ulong start, long nr_pages, Span<page> pages, foll_flag flags) =>
        __get_user_pages(mm, start, nr_pages, flags, pages);

    [MightSleep]
    private static long Unlocked(mm_struct mm, ulong start, long nr_pages, Span<page> pages, foll_flag flags)
    {
        down_read(mm.mmap_lock);
        long ret = __get_user_pages_locked(mm, start, nr_pages, pages, flags);
        up_read(mm.mmap_lock);
        return ret;
    }

    /// <summary>Takes a page that may be freed at this very moment.</summary>
    /// <returns>The folio with the reference, or NULL if it was too late.</returns>
    private static folio try_grab_folio_fast(task_struct task, page page, foll_flag flags)
    {
        folio folio = page_folio(page);
        bool pin = (flags & foll_flag.FOLL_PIN) != 0;
        if (!folio_ref_try_add(folio, pin ? GUP_PIN_COUNTING_BIAS : 1))
            return default;
        if (pin)
            mod_node_page_state(task, node_stat_item.NR_FOLL_PIN_ACQUIRED, 1);
        return folio;
    }

    /// <summary>One entry of the lockless walk: the page is taken first, then the entry is looked at again.</summary>
    private static bool gup_fast_pte_range(task_struct task, mm_struct mm, Arch arch, ulong* ptep, foll_flag flags, out page page)
    {
        page = default;
        pte_t pte = ptep_get(ptep);
        bool write = (flags & foll_flag.FOLL_WRITE) != 0;
        if (pte.val == 0 || !arch.pte_present(pte) || (write && !arch.pte_write(pte)) || pte_protnone(arch, pte))
            return false;
        ulong pfn = arch.pte_pfn(pte);
        if (is_zero_pfn(task.kernel, pfn))
            return false;
        page = pfn_to_page(task.kernel, pfn);
        folio folio = try_grab_folio_fast(task, page, flags);
        if (folio.IS_NULL)
            return false;
        if (ptep_get(ptep) != pte || !gup_fast_folio_allowed(folio, flags) || (!arch.pte_write(pte) && gup_must_unshare(null, flags, page)))
        {
            gup_put_folio(folio, 1, flags);
            return false;
        }

        return true;
    }

    private static int gup_fast(ulong start, ulong end, foll_flag gup_flags, Span<page> pages)
    {
        task_struct task = current;
        mm_struct? mm = task.mm;
        if (mm is null)
            return 0;
        int nr = 0;

        // With interrupts off no other CPU gets past a flush, so no table is freed under the walk.
        local_irq_save(out ulong flags);
        pt_cursor cursor = new(mm);
        for (ulong addr = start; addr < end; addr += PAGE_SIZE)
        {
            ulong table = cursor.WalkPte(addr, out _);
            if (table == 0 || !gup_fast_pte_range(task, mm, mm.arch, (ulong*)mm.memory.Host(table) + pte_index(addr), gup_flags, out page page))
                break;
            pages[nr++] = page;
        }

        local_irq_restore(flags);
        return nr;
    }

    [MightSleep]
    private static int gup_fast_fallback(ulong start, int nr_pages, foll_flag gup_flags, Span<page> pages)
    {
        start &= PAGE_MASK;
        ulong len = (ulong)nr_pages << PAGE_SHIFT;
        ulong end = start + len;
        if (end < start)
            return -EOVERFLOW;
        task_struct task = current;
        if (task.mm is not { } mm || end > mm.task_size)
            return -EFAULT;
        int nr_pinned = gup_fast(start, end, gup_flags, pages);
        if (nr_pinned == nr_pages || (gup_flags & foll_flag.FOLL_FAST_ONLY) != 0)
            return nr_pinned;
        start += (ulong)nr_pinned << PAGE_SHIFT;
        long ret = Unlocked(mm, start, nr_pages - nr_pinned, pages[nr_pinned..], gup_flags | foll_flag.FOLL_TOUCH | foll_flag.FOLL_UNLOCKABLE);

        // What was taken has to be given back by the caller, so an error can only be told when there is nothing.
        if (ret < 0)
            return nr_pinned != 0 ? nr_pinned : (int)ret;
        return (int)ret + nr_pinned;
    }
}
