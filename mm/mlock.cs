// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mlock.c, Linux 6.18; the test for memory out of the direct map follows the direct-map series v12.
namespace Linux;

internal static unsafe class Mlock
{
    internal static bool can_do_mlock() => rlimit(RLIMIT_MEMLOCK) != 0 || capable(CAP_IPC_LOCK);

    /// <summary>Marks a page that an area with VM_LOCKED maps.</summary>
    internal static void mlock_folio(task_struct task, folio folio)
    {
        if ((Interlocked.Or(ref folio.Frame->flags, 1UL << PG_mlocked) & (1UL << PG_mlocked)) != 0)
            return;
        mod_node_page_state(task, node_stat_item.NR_MLOCK, 1);
        count_vm_events(task, vm_event_item.UNEVICTABLE_PGMLOCKED, 1);
    }

    internal static void munlock_folio(folio folio)
    {
        if ((Interlocked.And(ref folio.Frame->flags, ~(1UL << PG_mlocked)) & (1UL << PG_mlocked)) == 0)
            return;
        task_struct task = current;
        mod_node_page_state(task, node_stat_item.NR_MLOCK, -1);
        count_vm_events(task, vm_event_item.UNEVICTABLE_PGMUNLOCKED, 1);
    }

    internal static void mlock_vma_folio(task_struct task, folio folio, vm_area_struct vma)
    {
        if ((vma.vm_flags & (VM_LOCKED | VM_SPECIAL)) == VM_LOCKED)
            mlock_folio(task, folio);
    }

    [MightSleep]
    internal static long sys_mlock(ulong start, ulong len) => do_mlock(start, len, VM_LOCKED);

    [MightSleep]
    internal static long sys_mlock2(ulong start, ulong len, uint flags)
    {
        if ((flags & ~MLOCK_ONFAULT) != 0)
            return -EINVAL;
        return do_mlock(start, len, VM_LOCKED | ((flags & MLOCK_ONFAULT) != 0 ? VM_LOCKONFAULT : 0));
    }

    [MightSleep]
    internal static long sys_munlock(ulong start, ulong len)
    {
        mm_struct mm = current.mm!;
        len = PAGE_ALIGN(len + (start & ~PAGE_MASK));
        start &= PAGE_MASK;
        if (down_write_killable(mm.mmap_lock) != 0)
            return -EINTR;
        int ret = apply_vma_lock_flags(mm, start, len, 0);
        up_write(mm.mmap_lock);
        return ret;
    }

    [MightSleep]
    internal static long sys_mlockall(int flags)
    {
        if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0 || flags == MCL_ONFAULT)
            return -EINVAL;
        if (!can_do_mlock())
            return -EPERM;
        ulong lock_limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
        mm_struct mm = current.mm!;
        if (down_write_killable(mm.mmap_lock) != 0)
            return -EINTR;
        int ret = -ENOMEM;
        if ((flags & MCL_CURRENT) == 0 || mm.total_vm <= lock_limit || capable(CAP_IPC_LOCK))
            ret = apply_mlockall_flags(mm, flags);
        up_write(mm.mmap_lock);
        if (ret == 0 && (flags & MCL_CURRENT) != 0)
            mm_populate(0, mm.task_size);
        return ret;
    }

    [MightSleep]
    internal static long sys_munlockall()
    {
        mm_struct mm = current.mm!;
        if (down_write_killable(mm.mmap_lock) != 0)
            return -EINTR;
        int ret = apply_mlockall_flags(mm, 0);
        up_write(mm.mmap_lock);
        return ret;
    }

    /// <summary>Sets the lock flags of a range of one area and counts its pages.</summary>
    [MustHold("vma.vm_mm.mmap_lock")]
    [MightSleep]
    [MustCheck]
    private static int mlock_fixup(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end, ulong newflags)
    {
        mm_struct mm = vma.vm_mm;
        ulong oldflags = vma.vm_flags;

        // These keep their flags and are not counted, and yet the call succeeds.
        if (newflags == oldflags || (oldflags & (VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE)) != 0 || vma_has_no_direct_map(vma))
        {
            prev = vma;
            return 0;
        }

        ErrPtr<vm_area_struct> modified = vma_modify_flags(prev, vma, start, end, ref newflags);
        if (IS_ERR(modified))
        {
            prev = vma;
            return PTR_ERR(modified);
        }

        vma = modified.Value;
        long nr_pages = (long)((end - start) >> PAGE_SHIFT);
        if ((newflags & VM_LOCKED) == 0)
            nr_pages = -nr_pages;
        else if ((oldflags & VM_LOCKED) != 0)
            nr_pages = 0;
        mm.locked_vm += (ulong)nr_pages;
        vm_flags_reset(vma, newflags);
        if (((newflags ^ oldflags) & VM_LOCKED) != 0)
            mlock_vma_pages_range(vma, start, end);
        prev = vma;
        return 0;
    }

    /// <summary>Marks or unmarks the pages that are mapped now.</summary>
    private static void mlock_vma_pages_range(vm_area_struct vma, ulong start, ulong end)
    {
        mm_struct mm = vma.vm_mm;
        task_struct task = current;
        pt_cursor cursor = new(mm);
        bool locked = (vma.vm_flags & VM_LOCKED) != 0;
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
                    page page = ptent.val != 0 && mm.arch.pte_present(ptent) ? vm_normal_page(vma, ptent) : default;
                    if (page.IS_NULL)
                        continue;
                    if (locked)
                        mlock_folio(task, page_folio(page));
                    else
                        munlock_folio(page_folio(page));
                }

                spin_unlock(mm.page_table_lock);
            }

            addr = stop;
        }
    }

    [MustHold("mm.mmap_lock")]
    [MightSleep]
    [MustCheck]
    private static int apply_vma_lock_flags(mm_struct mm, ulong start, ulong len, ulong flags)
    {
        ulong end = start + len;
        if (end < start)
            return -EINVAL;
        if (end == start)
            return 0;
        vm_area_struct? vma = vma_lookup(mm, start);
        if (vma is null)
            return -ENOMEM;
        vm_area_struct? prev = start > vma.vm_start ? vma : vma.Previous;
        ulong nstart = start;
        ulong tmp = vma.vm_start;
        while (vma is not null && vma.vm_start < end)
        {
            if (vma.vm_start != tmp)
                return -ENOMEM;
            ulong newflags = (vma.vm_flags & ~VM_LOCKED_MASK) | flags;
            tmp = Math.Min(vma.vm_end, end);
            mmap_assert_write_locked(vma.vm_mm);
            int error = mlock_fixup(vma, ref prev, nstart, tmp, newflags);
            if (error != 0)
                return error;

            // The area may have been merged with what follows.
            vma = prev!;
            tmp = Math.Max(tmp, vma.vm_end);
            nstart = tmp;
            vma = vma.Next;
        }

        return tmp < end ? -ENOMEM : 0;
    }

    /// <summary>Pages of the range that are locked already, so that they are not counted against the limit twice.</summary>
    [MustHoldShared("mm.mmap_lock")]
    private static ulong count_mm_mlocked_page_nr(mm_struct mm, ulong start, ulong len)
    {
        ulong count = 0;
        ulong end = len > ulong.MaxValue - start ? ulong.MaxValue : start + len;
        for (vm_area_struct? vma = mm.mm_mt.Find(start); vma is not null && vma.vm_start < end; vma = vma.Next)
        {
            if ((vma.vm_flags & VM_LOCKED) == 0)
                continue;
            if (start > vma.vm_start)
                count -= start - vma.vm_start;
            if (end < vma.vm_end)
            {
                count += end - vma.vm_start;
                break;
            }

            count += vma.vm_end - vma.vm_start;
        }

        return count >> PAGE_SHIFT;
    }

    private static int __mlock_posix_error_return(long retval) => retval switch
    {
        -EFAULT => -ENOMEM,
        -ENOMEM => -EAGAIN,
        _ => (int)retval,
    };

    [MightSleep]
    private static long do_mlock(ulong start, ulong len, ulong flags)
    {
        if (!can_do_mlock())
            return -EPERM;
        mm_struct mm = current.mm!;
        len = PAGE_ALIGN(len + (start & ~PAGE_MASK));
        start &= PAGE_MASK;
        ulong lock_limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
        ulong locked = len >> PAGE_SHIFT;
        if (down_write_killable(mm.mmap_lock) != 0)
            return -EINTR;
        locked += mm.locked_vm;
        if (locked > lock_limit && !capable(CAP_IPC_LOCK))
            locked -= count_mm_mlocked_page_nr(mm, start, len);
        int error = -ENOMEM;
        if (locked <= lock_limit || capable(CAP_IPC_LOCK))
            error = apply_vma_lock_flags(mm, start, len, flags);
        up_write(mm.mmap_lock);
        if (error != 0)
            return error;
        error = __mm_populate(start, len, ignore_errors: false);
        return error != 0 ? __mlock_posix_error_return(error) : 0;
    }

    [MustHold("mm.mmap_lock")]
    [MightSleep]
    private static int apply_mlockall_flags(mm_struct mm, int flags)
    {
        ulong to_add = 0;
        mm.def_flags &= ~VM_LOCKED_MASK;
        if ((flags & MCL_FUTURE) != 0)
        {
            mm.def_flags |= VM_LOCKED;
            if ((flags & MCL_ONFAULT) != 0)
                mm.def_flags |= VM_LOCKONFAULT;
            if ((flags & MCL_CURRENT) == 0)
                return 0;
        }

        if ((flags & MCL_CURRENT) != 0)
        {
            to_add |= VM_LOCKED;
            if ((flags & MCL_ONFAULT) != 0)
                to_add |= VM_LOCKONFAULT;
        }

        vm_area_struct? prev = null;
        for (vm_area_struct? vma = mm.mm_mt.First; vma is not null; vma = prev!.Next)
        {
            ulong newflags = (vma.vm_flags & ~VM_LOCKED_MASK) | to_add;
            mmap_assert_write_locked(vma.vm_mm);
            if (mlock_fixup(vma, ref prev, vma.vm_start, vma.vm_end, newflags) != 0)
                prev = vma;
        }

        return 0;
    }
}
