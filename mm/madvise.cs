// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/madvise.c, Linux 6.18.
namespace Linux;

internal static unsafe class Madvise
{
    private const int MAX_MADVISE_GUARD_RETRIES = 3;

    [MightSleep]
    internal static long sys_madvise(ulong start, ulong len_in, int behavior) => do_madvise(current.mm!, start, len_in, behavior);

    [MightSleep]
    internal static int do_madvise(mm_struct mm, ulong start, ulong len_in, int behavior)
    {
        if (!is_valid_madvise(start, len_in, behavior))
            return -EINVAL;
        if (PAGE_ALIGN(len_in) == 0)
            return 0;
        if (behavior is MADV_HWPOISON or MADV_SOFT_OFFLINE)
            return madvise_inject_error(behavior, start, start + len_in);
        ulong end = start + PAGE_ALIGN(len_in);
        int error;
        if (madvise_need_mmap_write(behavior))
        {
            if (down_write_killable(mm.mmap_lock) != 0)
                return -EINTR;
            error = madvise_walk_vmas(mm, start, end, behavior);
            up_write(mm.mmap_lock);
            return error;
        }

        down_read(mm.mmap_lock);
        error = behavior is MADV_POPULATE_READ or MADV_POPULATE_WRITE
            ? madvise_populate(mm, start, end, behavior)
            : madvise_walk_vmas(mm, start, end, behavior);
        up_read(mm.mmap_lock);
        return error;
    }

    private static bool madvise_need_mmap_write(int behavior) => behavior switch
    {
        MADV_REMOVE or MADV_WILLNEED or MADV_COLD or MADV_PAGEOUT or MADV_POPULATE_READ or MADV_POPULATE_WRITE or MADV_COLLAPSE => false,
        MADV_GUARD_INSTALL or MADV_GUARD_REMOVE or MADV_DONTNEED or MADV_DONTNEED_LOCKED or MADV_FREE => false,
        _ => true,
    };

    private static bool madvise_behavior_valid(int behavior) => behavior switch
    {
        >= MADV_NORMAL and <= MADV_DONTNEED => true,
        >= MADV_FREE and <= MADV_COLLAPSE => true,
        >= MADV_HWPOISON and <= MADV_GUARD_REMOVE => true,
        _ => false,
    };

    private static bool is_valid_madvise(ulong start, ulong len_in, int behavior)
    {
        if (!madvise_behavior_valid(behavior) || !PAGE_ALIGNED(start))
            return false;

        // A small negative length rounds up to nothing.
        ulong len = PAGE_ALIGN(len_in);
        if (len_in != 0 && len == 0)
            return false;
        return start + len >= start;
    }

    /// <summary>Applies the advice to every area in the range. Holes are skipped, and reported at the end.</summary>
    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    private static int madvise_walk_vmas(mm_struct mm, ulong start, ulong end, int behavior)
    {
        int unmapped_error = 0;
        vm_area_struct? vma = find_vma_prev(mm, start, out vm_area_struct? prev);
        if (vma is not null && start > vma.vm_start)
            prev = vma;
        while (true)
        {
            if (vma is null)
                return -ENOMEM;
            if (start < vma.vm_start)
            {
                unmapped_error = -ENOMEM;
                start = vma.vm_start;
                if (start >= end)
                    break;
            }

            ulong tmp = Math.Min(vma.vm_end, end);
            mmap_assert_locked(vma.vm_mm);
            int error = madvise_vma_behavior(vma, ref prev, start, tmp, behavior);
            if (error != 0)
                return error;
            start = tmp;
            if (prev is not null && start < prev.vm_end)
                start = prev.vm_end;
            if (start >= end)
                break;

            // Without a previous area the lock was dropped, and everything may be different.
            vma = mm.mm_mt.Find(prev is not null ? prev.vm_end : start);
        }

        return unmapped_error;
    }

    [MustHoldShared("vma.vm_mm.mmap_lock")]
    [MightSleep]
    private static int madvise_vma_behavior(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end, int behavior)
    {
        ulong new_flags = vma.vm_flags;
        switch (behavior)
        {
            case MADV_REMOVE:
                return madvise_remove(vma, ref prev, start, end);
            case MADV_WILLNEED:
                return madvise_willneed(vma, ref prev);
            case MADV_COLD:
                return madvise_cold(vma, ref prev, start, end);
            case MADV_PAGEOUT:
                return madvise_pageout(vma, ref prev);
            case MADV_FREE:
            case MADV_DONTNEED:
            case MADV_DONTNEED_LOCKED:
                return madvise_dontneed_free(vma, ref prev, start, end, behavior);
            case MADV_COLLAPSE:
                return madvise_collapse(vma, ref prev, start, end);
            case MADV_GUARD_INSTALL:
                return madvise_guard_install(vma, ref prev, start, end);
            case MADV_GUARD_REMOVE:
                return madvise_guard_remove(vma, ref prev, start, end);
            case MADV_NORMAL:
                new_flags &= ~(VM_RAND_READ | VM_SEQ_READ);
                break;
            case MADV_SEQUENTIAL:
                new_flags = (new_flags & ~VM_RAND_READ) | VM_SEQ_READ;
                break;
            case MADV_RANDOM:
                new_flags = (new_flags & ~VM_SEQ_READ) | VM_RAND_READ;
                break;
            case MADV_DONTFORK:
                new_flags |= VM_DONTCOPY;
                break;
            case MADV_DOFORK:
                if ((new_flags & VM_IO) != 0)
                    return -EINVAL;
                new_flags &= ~VM_DONTCOPY;
                break;
            case MADV_WIPEONFORK:
                if (vma.vm_file is not null || (new_flags & VM_SHARED) != 0)
                    return -EINVAL;
                new_flags |= VM_WIPEONFORK;
                break;
            case MADV_KEEPONFORK:
                if ((new_flags & VM_DROPPABLE) != 0)
                    return -EINVAL;
                new_flags &= ~VM_WIPEONFORK;
                break;
            case MADV_DONTDUMP:
                new_flags |= VM_DONTDUMP;
                break;
            case MADV_DODUMP:
                if ((new_flags & (VM_SPECIAL | VM_DROPPABLE)) != 0)
                    return -EINVAL;
                new_flags &= ~VM_DONTDUMP;
                break;
            case MADV_MERGEABLE:
                // Sharing equal pages is for private memory; for other memory the advice is taken and forgotten.
                if ((new_flags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE)) == 0)
                    new_flags |= VM_MERGEABLE;
                break;
            case MADV_UNMERGEABLE:
                new_flags &= ~VM_MERGEABLE;
                break;
            case MADV_HUGEPAGE:
                new_flags = (new_flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
                break;
            case MADV_NOHUGEPAGE:
                new_flags = (new_flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
                break;
        }

        int error = madvise_update_vma(vma, ref prev, start, end, new_flags);

        // madvise() promises -EAGAIN where kernel memory is short for the moment.
        return error == -ENOMEM ? -EAGAIN : error;
    }

    [MustCheck]
    private static int madvise_update_vma(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end, ulong new_flags)
    {
        if (new_flags == vma.vm_flags)
        {
            prev = vma;
            return 0;
        }

        ErrPtr<vm_area_struct> modified = vma_modify_flags(prev, vma, start, end, ref new_flags);
        if (IS_ERR(modified))
            return PTR_ERR(modified);
        vma = modified.Value;
        prev = vma;
        vm_flags_reset(vma, new_flags);
        return 0;
    }

    [MustHoldShared("vma.vm_mm.mmap_lock")]
    [MightSleep]
    private static int madvise_willneed(vm_area_struct vma, ref vm_area_struct? prev)
    {
        prev = vma;
        if (vma.vm_file is not { } file)
            return 0;
        prev = null;
        get_file(file);
        mm_struct mm = vma.vm_mm;

        // The file is told that it will be read. No file here has anything to read ahead from.
        up_read(mm.mmap_lock);
        fput(file);
        down_read(mm.mmap_lock);
        return 0;
    }

    private static bool can_madv_lru_vma(vm_area_struct vma) => (vma.vm_flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB)) == 0;

    /// <summary>Makes pages look unused. There is no reclaim to see it, but entries get old, and secondary MMUs with them.</summary>
    private static int madvise_cold(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end)
    {
        prev = vma;
        if (!can_madv_lru_vma(vma))
            return -EINVAL;
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        task_struct task = current;
        pt_cursor cursor = new(mm);
        bool any = false;
        for (ulong addr = start; addr < end;)
        {
            ulong table = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, end);
            if (table != 0)
            {
                spin_lock(mm.page_table_lock);
                ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
                for (; addr < stop; addr += PAGE_SIZE, pte++)
                {
                    pte_t ptent = ptep_get(pte);
                    while (ptent.val != 0 && arch.pte_present(ptent) && arch.pte_young(ptent))
                    {
                        any = true;
                        if (ptep_try_replace(task, pte, ptent, arch.pte_mkold(ptent)))
                            break;
                        ptent = ptep_get(pte);
                    }
                }

                spin_unlock(mm.page_table_lock);
            }

            addr = stop;
        }

        if (any)
            arch.flush_tlb_mm_range(mm, start, end, PAGE_SHIFT, freed_tables: false);
        return 0;
    }

    /// <summary>Without swap nothing can be paged out, and the page caches here are all unevictable or memory itself.</summary>
    private static int madvise_pageout(vm_area_struct vma, ref vm_area_struct? prev)
    {
        prev = vma;
        return can_madv_lru_vma(vma) ? 0 : -EINVAL;
    }

    [MightSleep]
    private static int madvise_dontneed_free(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end, int behavior)
    {
        prev = vma;
        ulong forbidden = VM_PFNMAP;
        if (behavior != MADV_DONTNEED_LOCKED)
            forbidden |= VM_LOCKED;
        if ((vma.vm_flags & (forbidden | VM_HUGETLB)) != 0)
            return -EINVAL;
        if (behavior == MADV_FREE)
            return vma_is_anonymous(vma) ? madvise_free_single_vma(vma, start, end) : -EINVAL;
        zap_page_range_single(vma, start, end - start);
        return 0;
    }

    /// <summary>Pages may be thrown away when memory is short, unless they are written again. It never is, so they stay.</summary>
    private static int madvise_free_single_vma(vm_area_struct vma, ulong start, ulong end)
    {
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        task_struct task = current;
        mmu_notifier_range range = default;
        mmu_notifier_range_init(ref range, mmu_notifier_event.MMU_NOTIFY_CLEAR, 0, mm, start, end);
        mmu_notifier_invalidate_range_start(ref range);
        pt_cursor cursor = new(mm);
        bool any = false;
        for (ulong addr = start; addr < end;)
        {
            ulong table = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, end);
            if (table != 0)
            {
                spin_lock(mm.page_table_lock);
                ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
                for (; addr < stop; addr += PAGE_SIZE, pte++)
                {
                    pte_t ptent = ptep_get(pte);
                    if (ptent.val == 0 || !arch.pte_present(ptent) || vm_normal_page(vma, ptent).IS_NULL)
                        continue;
                    while ((arch.pte_young(ptent) || arch.pte_dirty(ptent)) &&
                        !ptep_try_replace(task, pte, ptent, arch.pte_mkold(arch.pte_mkclean(ptent))))
                        ptent = ptep_get(pte);
                    any = true;
                }

                spin_unlock(mm.page_table_lock);
            }

            addr = stop;
        }

        if (any)
            arch.flush_tlb_mm_range(mm, start, end, PAGE_SHIFT, freed_tables: false);
        mmu_notifier_invalidate_range_end(ref range);
        return 0;
    }

    [MustHoldShared("mm.mmap_lock")]
    [MightSleep]
    private static int madvise_populate(mm_struct mm, ulong start, ulong end, int behavior)
    {
        while (start < end)
        {
            long pages = faultin_page_range(mm, start, end, behavior == MADV_POPULATE_WRITE);
            if (pages < 0)
                return pages is -EINTR or -EINVAL or -EHWPOISON or -EFAULT ? (int)pages : -ENOMEM;
            start += (ulong)pages << PAGE_SHIFT;
        }

        return 0;
    }

    /// <summary>Punches the range out of the file behind it. The lock is dropped meanwhile.</summary>
    [MustHoldShared("vma.vm_mm.mmap_lock")]
    [MightSleep]
    private static int madvise_remove(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end)
    {
        prev = null;
        if ((vma.vm_flags & VM_LOCKED) != 0)
            return -EINVAL;
        if (vma.vm_file is not { } file)
            return -EINVAL;
        if (!vma_is_shared_maywrite(vma))
            return -EACCES;
        mm_struct mm = vma.vm_mm;
        long offset = (long)((start - vma.vm_start) + (vma.vm_pgoff << PAGE_SHIFT));
        get_file(file);
        up_read(mm.mmap_lock);
        int error = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, (long)(end - start));
        fput(file);
        down_read(mm.mmap_lock);
        return error;
    }

    private static bool is_valid_guard_vma(vm_area_struct vma, bool allow_locked)
    {
        ulong disallowed = VM_SPECIAL | VM_HUGETLB;
        if (!allow_locked)
            disallowed |= VM_LOCKED;
        return (vma.vm_flags & disallowed) == 0;
    }

    /// <summary>Replaces a range by markers at which every access faults, without splitting the area.</summary>
    [MightSleep]
    private static int madvise_guard_install(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end)
    {
        prev = vma;
        if (!is_valid_guard_vma(vma, allow_locked: false))
            return -EINVAL;

        // The bit makes the markers survive a fork and tells of them; set before the first marker is.
        vma_set_atomic_flag(vma, VM_MAYBE_GUARD);
        if (vma_is_anonymous(vma))
        {
            int err = anon_vma_prepare(vma);
            if (err != 0)
                return err;
        }

        for (int i = 0; i < MAX_MADVISE_GUARD_RETRIES; i++)
        {
            int err = GuardRange(vma, start, end);
            if (err <= 0)
                return err;

            // Pages are in the way: take them out and try again.
            zap_page_range_single(vma, start, end - start);
        }

        return -ERESTARTNOINTR;
    }

    private static int madvise_guard_remove(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end)
    {
        prev = vma;
        if (!is_valid_guard_vma(vma, allow_locked: true))
            return -EINVAL;
        mm_struct mm = vma.vm_mm;
        task_struct task = current;
        pt_cursor cursor = new(mm);
        for (ulong addr = start; addr < end;)
        {
            ulong table = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, end);
            if (table != 0)
            {
                spin_lock(mm.page_table_lock);
                ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
                for (; addr < stop; addr += PAGE_SIZE, pte++)
                {
                    if (is_guard_pte_marker(mm.arch, ptep_get(pte)))
                        set_pte_at(task, pte, default);
                }

                spin_unlock(mm.page_table_lock);
            }

            addr = stop;
        }

        return 0;
    }

    /// <returns>0 when all of the range is markers, 1 when a page is in the way, or -ENOMEM.</returns>
    private static int GuardRange(vm_area_struct vma, ulong start, ulong end)
    {
        mm_struct mm = vma.vm_mm;
        task_struct task = current;
        pte_t marker = make_pte_marker(mm.arch, PTE_MARKER_GUARD);
        for (ulong addr = start; addr < end;)
        {
            ulong stop = Math.Min((addr + PMD_SIZE) & PMD_MASK, end);
            ulong table = pte_alloc(mm, addr);
            if (table == 0)
                return -ENOMEM;
            split_huge_pmd(mm.kernel, table);
            spin_lock(mm.page_table_lock);
            ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
            bool busy = false;
            for (; addr < stop; addr += PAGE_SIZE, pte++)
            {
                pte_t ptent = ptep_get(pte);
                if (is_guard_pte_marker(mm.arch, ptent))
                    continue;
                busy = ptent.val != 0;
                if (busy)
                    break;
                set_pte_at(task, pte, marker);
            }

            spin_unlock(mm.page_table_lock);
            if (busy)
                return 1;
        }

        return 0;
    }

    /// <summary>Makes huge pages of the aligned ranges that have a table, filling what is missing.</summary>
    [MightSleep]
    private static int madvise_collapse(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end)
    {
        prev = vma;

        // Only private memory and tmpfs can be huge, and the area must have room for one.
        ulong hpage = (vma.vm_end - PMD_SIZE) & PMD_MASK;
        bool anonymous = vma_is_anonymous(vma);
        if ((!anonymous && !vma_is_shmem(vma)) || (vma.vm_flags & (VM_SPECIAL | VM_NOHUGEPAGE)) != 0 || vma.vm_end < PMD_SIZE || hpage < vma.vm_start)
            return -EINVAL;
        if (anonymous && vma.anon_vma is null)
            return -EINVAL;
        ulong hstart = (start + PMD_SIZE - 1) & PMD_MASK;
        ulong hend = end & PMD_MASK;

        // Files of memory are never made of huge pages here; what asks for none of them is fine.
        if (!anonymous && hstart < hend)
            return -EINVAL;

        // A range that holds no aligned part at all is not the same as one whose aligned part is empty.
        if (hstart > hend)
            return -EINVAL;
        int last_fail = 0;
        mm_struct mm = vma.vm_mm;
        task_struct task = current;
        for (ulong addr = hstart; addr < hend; addr += PMD_SIZE)
        {
            pt_cursor cursor = new(mm);
            ulong table = cursor.WalkPte(addr, out _);
            int error = table == 0 ? -EINVAL : Fill(task, vma, table, fault: false);
            if (error != 0)
                last_fail = error;
        }

        return last_fail;
    }

    [MightSleep]
    private static int madvise_inject_error(int behavior, ulong start, ulong end)
    {
        if (!capable(CAP_SYS_ADMIN))
            return -EPERM;
        for (; start < end; start += PAGE_SIZE)
        {
            page page = default;
            int ret = get_user_pages_fast(start, 1, foll_flag.NONE, new Span<page>(ref page));
            if (ret != 1)
                return ret;
            if (behavior == MADV_SOFT_OFFLINE)
            {
                // Nothing here can be migrated away.
                put_page(page);
                return -EBUSY;
            }

            ret = memory_failure(page, start);
            if (ret != 0 && ret != -EOPNOTSUPP)
                return ret;
        }

        return 0;
    }
}
