// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mmap.c, Linux 6.18.
namespace Linux;

internal static class Mmap
{
    private const ulong SZ_4G = 1UL << 32;

    [MustHoldShared("mm.mmap_lock")]
    internal static vm_area_struct? find_vma(mm_struct mm, ulong addr)
    {
        vm_area_struct? hint = mm.Hint;
        if (hint is not null && hint.vm_start <= addr && addr < hint.vm_end)
            return hint;
        vm_area_struct? vma = mm.mm_mt.Find(addr);
        if (vma is not null && vma.vm_start <= addr)
            mm.Hint = vma;
        return vma;
    }

    [MustHoldShared("mm.mmap_lock")]
    internal static vm_area_struct? find_vma_prev(mm_struct mm, ulong addr, out vm_area_struct? prev)
    {
        vm_area_struct? vma = mm.mm_mt.Find(addr);
        prev = vma is null ? mm.mm_mt.Last : vma.Previous;
        return vma;
    }

    /// <summary>Whether the address space may become larger by so many pages of such an area.</summary>
    [MustHoldShared("mm.mmap_lock")]
    internal static bool may_expand_vm(mm_struct mm, ulong flags, ulong npages)
    {
        if (mm.total_vm + npages > rlimit(RLIMIT_AS) >> PAGE_SHIFT)
            return false;
        return !is_data_mapping(flags) || mm.data_vm + npages <= rlimit(RLIMIT_DATA) >> PAGE_SHIFT;
    }

    [MustHold("mm.mmap_lock")]
    internal static void vm_stat_account(mm_struct mm, ulong flags, long npages)
    {
        mm.total_vm += (ulong)npages;
        if (is_exec_mapping(flags))
            mm.exec_vm += (ulong)npages;
        else if (is_stack_mapping(flags))
            mm.stack_vm += (ulong)npages;
        else if (is_data_mapping(flags))
            mm.data_vm += (ulong)npages;
    }

    [MustHoldShared("mm.mmap_lock")]
    internal static bool mlock_future_ok(mm_struct mm, ulong flags, ulong bytes)
    {
        if ((flags & VM_LOCKED) == 0 || capable(CAP_IPC_LOCK))
            return true;
        ulong locked_pages = (bytes >> PAGE_SHIFT) + mm.locked_vm;
        return locked_pages <= rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
    }

    /// <summary>A place for a mapping: the hint if it is free, what the caller insists on, or the highest hole.</summary>
    /// <returns>The address or a negative errno in the same word.</returns>
    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    internal static ulong __get_unmapped_area(@file? file, ulong addr, ulong len, ulong flags, ulong vm_flags)
    {
        mm_struct mm = current.mm!;
        if (len > mm.task_size)
            return unchecked((ulong)-ENOMEM);
        addr = arch_get_unmapped_area_topdown(mm, file, addr, len, flags, vm_flags);
        if (IS_ERR_VALUE(addr))
            return addr;
        if (addr > mm.task_size - len)
            return unchecked((ulong)-ENOMEM);
        if ((addr & ~PAGE_MASK) != 0)
            return unchecked((ulong)-EINVAL);
        return addr < mm.kernel.mmap_min_addr && !capable(CAP_SYS_RAWIO) ? unchecked((ulong)-EPERM) : addr;
    }

    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    internal static ulong get_unmapped_area(@file? file, ulong addr, ulong len, ulong flags) => __get_unmapped_area(file, addr, len, flags, 0);

    /// <summary>mmap() under the lock: every check in the kernel's order, then the mapping.</summary>
    /// <returns>The address or a negative errno in the same word; <paramref name="populate"/> is how much to fault in once the lock is dropped.</returns>
    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    internal static ulong do_mmap(@file? file, ulong addr, ulong len, ulong prot, ulong flags, ulong vm_flags, pgoff_t pgoff, out ulong populate)
    {
        mm_struct mm = current.mm!;
        populate = 0;
        if (len == 0)
            return unchecked((ulong)-EINVAL);
        if ((flags & MAP_FIXED_NOREPLACE) != 0)
            flags |= MAP_FIXED;
        if ((flags & MAP_FIXED) == 0)
            addr = round_hint_to_min(mm, addr);
        len = PAGE_ALIGN(len);
        if (len == 0)
            return unchecked((ulong)-ENOMEM);
        if (pgoff + (len >> PAGE_SHIFT) < pgoff)
            return unchecked((ulong)-EOVERFLOW);
        if (mm.map_count > mm.kernel.sysctl_max_map_count)
            return unchecked((ulong)-ENOMEM);

        vm_flags |= calc_vm_prot_bits(prot) | calc_vm_flag_bits(flags) | mm.def_flags | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
        addr = __get_unmapped_area(file, addr, len, flags, vm_flags);
        if (IS_ERR_VALUE(addr))
            return addr;
        if ((flags & MAP_FIXED_NOREPLACE) != 0 && find_vma_intersection(mm, addr, addr + len) is not null)
            return unchecked((ulong)-EEXIST);
        if ((flags & MAP_LOCKED) != 0 && !can_do_mlock())
            return unchecked((ulong)-EPERM);
        if (!mlock_future_ok(mm, vm_flags, len))
            return unchecked((ulong)-EAGAIN);

        if (file is not null)
        {
            if (!file_mmap_ok(file, pgoff, len))
                return unchecked((ulong)-EOVERFLOW);
            switch (flags & MAP_TYPE)
            {
                case MAP_SHARED:
                case MAP_SHARED_VALIDATE:
                    // The older type ignores what it does not know, the newer one refuses it.
                    if ((flags & MAP_TYPE) == MAP_SHARED)
                        flags &= LEGACY_MAP_MASK;
                    if ((flags & ~LEGACY_MAP_MASK) != 0)
                        return unchecked((ulong)-EOPNOTSUPP);
                    if ((prot & PROT_WRITE) != 0 && (file.f_mode & FMODE_WRITE) == 0)
                        return unchecked((ulong)-EACCES);
                    vm_flags |= VM_SHARED | VM_MAYSHARE;
                    if ((file.f_mode & FMODE_WRITE) == 0)
                        vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
                    goto case MAP_PRIVATE;
                case MAP_PRIVATE:
                    if ((file.f_mode & FMODE_READ) == 0)
                        return unchecked((ulong)-EACCES);
                    if (file.f_inode.i_sb.s_iflags_noexec)
                    {
                        if ((vm_flags & VM_EXEC) != 0)
                            return unchecked((ulong)-EPERM);
                        vm_flags &= ~VM_MAYEXEC;
                    }

                    if (file.f_op.mmap is null && file.f_op.mmap_prepare is null)
                        return unchecked((ulong)-ENODEV);
                    if ((vm_flags & VM_GROWSDOWN) != 0)
                        return unchecked((ulong)-EINVAL);
                    break;
                default:
                    return unchecked((ulong)-EINVAL);
            }
        }
        else
        {
            switch (flags & MAP_TYPE)
            {
                case MAP_SHARED:
                    if ((vm_flags & VM_GROWSDOWN) != 0)
                        return unchecked((ulong)-EINVAL);
                    pgoff = 0;
                    vm_flags |= VM_SHARED | VM_MAYSHARE;
                    break;
                case MAP_DROPPABLE:
                    if ((flags & (MAP_LOCKED | MAP_HUGETLB)) != 0 || (vm_flags & VM_GROWSDOWN) != 0)
                        return unchecked((ulong)-EINVAL);

                    // What may vanish at any time needs no reservation, and should not survive in children or dumps.
                    vm_flags |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;
                    goto case MAP_PRIVATE;
                case MAP_PRIVATE:
                    pgoff = addr >> PAGE_SHIFT;
                    break;
                default:
                    return unchecked((ulong)-EINVAL);
            }
        }

        if ((flags & MAP_NORESERVE) != 0 && mm.kernel.sysctl_overcommit_memory != OVERCOMMIT_NEVER)
            vm_flags |= VM_NORESERVE;
        addr = mmap_region(mm, file, addr, len, vm_flags, pgoff);
        if (!IS_ERR_VALUE(addr) && ((vm_flags & VM_LOCKED) != 0 || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
            populate = len;
        return addr;
    }

    [MightSleep]
    internal static ulong ksys_mmap_pgoff(ulong addr, ulong len, ulong prot, ulong flags, int fd, pgoff_t pgoff)
    {
        if ((flags & MAP_ANONYMOUS) == 0)
        {
            @file? file = fget((uint)fd);
            if (file is null)
                return unchecked((ulong)-EBADF);
            ulong retval = (flags & MAP_HUGETLB) != 0 ? unchecked((ulong)-EINVAL) : vm_mmap_pgoff(file, addr, len, prot, flags, pgoff);
            fput(file);
            return retval;
        }

        if ((flags & MAP_HUGETLB) != 0)
            return (ulong)HugetlbRefusal(addr, len, flags, pgoff);
        return vm_mmap_pgoff(null, addr, len, prot, flags, pgoff);
    }

    /// <summary>Why there is no mapping of huge pages: their pool is empty on this host, but other reasons are told first.</summary>
    private static long HugetlbRefusal(ulong addr, ulong len, ulong flags, pgoff_t pgoff)
    {
        const int DefaultLog = 21;
        ulong log = (flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
        if (log is not (0 or 21 or 30) || len == 0)
            return -EINVAL;
        ulong size = 1UL << (log == 0 ? DefaultLog : (int)log);
        long refusal = (pgoff & ((size >> PAGE_SHIFT) - 1)) != 0 ? -EINVAL : -ENOMEM;
        if ((flags & MAP_FIXED_NOREPLACE) == 0)
            return refusal;
        len = (len + size - 1) & ~(size - 1);
        mm_struct mm = current.mm!;
        if (len > mm.task_size)
            return -ENOMEM;
        if ((addr & (size - 1)) != 0)
            return -EINVAL;
        down_read(mm.mmap_lock);
        bool taken = find_vma_intersection(mm, addr, addr + len) is not null;
        up_read(mm.mmap_lock);
        return taken ? -EEXIST : refusal;
    }

    [MightSleep]
    internal static long sys_mmap(ulong addr, ulong len, ulong prot, ulong flags, int fd, ulong off) =>
        (off & ~PAGE_MASK) != 0 ? -EINVAL : (long)ksys_mmap_pgoff(addr, len, prot, flags, fd, off >> PAGE_SHIFT);

    [MustHold("mm.mmap_lock")]
    [MightSleep]
    internal static int do_munmap(mm_struct mm, ulong start, ulong len) => do_vmi_munmap(mm, start, len);

    [MightSleep]
    internal static int __vm_munmap(ulong start, ulong len)
    {
        mm_struct mm = current.mm!;
        if (down_write_killable(mm.mmap_lock) != 0)
            return -EINTR;
        int ret = do_vmi_munmap(mm, start, len);
        up_write(mm.mmap_lock);
        return ret;
    }

    [MightSleep]
    internal static long sys_munmap(ulong addr, ulong len) => __vm_munmap(addr, len);

    /// <summary>Sets the end of the heap. Never fails: a request that cannot be met returns the old end.</summary>
    [MightSleep]
    internal static long sys_brk(ulong brk)
    {
        mm_struct mm = current.mm!;
        if (down_write_killable(mm.mmap_lock) != 0)
            return -EINTR;
        ulong origbrk = mm.brk;
        ulong populate_from = 0;
        ulong populate_len = 0;
        ulong result = origbrk;
        if (brk < mm.start_brk || !check_data_rlimit(mm, brk))
            goto out_unlock;
        ulong newbrk = PAGE_ALIGN(brk);
        ulong oldbrk = PAGE_ALIGN(mm.brk);
        if (oldbrk == newbrk)
        {
            result = mm.brk = brk;
            goto out_unlock;
        }

        if (brk <= mm.brk)
        {
            vm_area_struct? heap = find_vma_intersection(mm, newbrk, oldbrk);
            if (heap is null || heap.vm_start >= oldbrk || do_vmi_align_munmap(heap, mm, newbrk, oldbrk) != 0)
                goto out_unlock;
            result = mm.brk = brk;
            goto out_unlock;
        }

        // The stack's gap must stay free.
        vm_area_struct? next = mm.mm_mt.Find(oldbrk);
        if (next is not null && newbrk + PAGE_SIZE > VmaTree.StartWithGap(next))
            goto out_unlock;
        if (do_brk_flags(oldbrk, newbrk - oldbrk) != 0)
            goto out_unlock;
        result = mm.brk = brk;
        if ((mm.def_flags & VM_LOCKED) != 0)
        {
            populate_from = oldbrk;
            populate_len = newbrk - oldbrk;
        }

    out_unlock:
        up_write(mm.mmap_lock);
        if (populate_len != 0)
            mm_populate(populate_from, populate_len);
        return (long)result;
    }

    /// <summary>Finds the area of a stack access, growing it if the address lies below. Null comes with the lock dropped.</summary>
    [ReleasesShared("mm.mmap_lock")]
    [CondAcquiresShared(true, "mm.mmap_lock")]
    [MightSleep]
    internal static vm_area_struct? expand_stack(mm_struct mm, ulong addr)
    {
        // Growing needs the lock for writing: it is dropped, so everything is looked up again.
        up_read(mm.mmap_lock);
        if (down_write_killable(mm.mmap_lock) != 0)
            return null;
        vm_area_struct? vma = find_vma_prev(mm, addr, out _);
        if (vma is null)
        {
            up_write(mm.mmap_lock);
            return null;
        }

        mmap_assert_write_locked(vma.vm_mm);
        if (vma.vm_start > addr && ((vma.vm_flags & VM_GROWSDOWN) == 0 || expand_downwards(vma, addr) != 0))
        {
            up_write(mm.mmap_lock);
            return null;
        }

        downgrade_write(mm.mmap_lock);
        return vma;
    }

    /// <summary>Takes everything out of an address space that nobody uses any more. Notifiers are told first.</summary>
    [MightSleep]
    internal static void exit_mmap(mm_struct mm)
    {
        mmu_notifier_release(mm);
        down_write(mm.mmap_lock);
        vm_area_struct? first = mm.mm_mt.First;
        ulong nr_accounted = 0;
        int count = 0;
        vm_area_struct? chain = first;
        for (vm_area_struct? vma = first; vma is not null; vma = vma.Next)
        {
            vma.DetachNext = vma.Next;
            if ((vma.vm_flags & VM_ACCOUNT) != 0)
                nr_accounted += vma_pages(vma);
            count++;
        }

        if (first is not null)
            unmap_region(mm, first, 0, mm.task_size, null, null);
        mm.Hint = null;
        while (chain is not null)
        {
            vm_area_struct next = chain;
            chain = chain.DetachNext;
            next.DetachNext = null;
            mm.mm_mt.Erase(next);
            remove_vma(next);
        }

        WARN_ON_ONCE(count != mm.map_count);
        mm.map_count = 0;
        up_write(mm.mmap_lock);
        vm_unacct_memory(mm.kernel, (long)nr_accounted);
    }

    /// <summary>Copies the parent's areas into a new address space, and the page tables of those that a fault could not rebuild.</summary>
    [MightSleep]
    [MustCheck]
    internal static int dup_mmap(mm_struct mm, mm_struct oldmm)
    {
        int retval = 0;
        if (down_write_killable(oldmm.mmap_lock) != 0)
            return -EINTR;
        down_write_nested(mm.mmap_lock, 1);
        mm.total_vm = oldmm.total_vm;
        mm.data_vm = oldmm.data_vm;
        mm.exec_vm = oldmm.exec_vm;
        mm.stack_vm = oldmm.stack_vm;
        mm.brk = oldmm.brk;
        mm.def_flags = oldmm.def_flags & VM_NOHUGEPAGE;

        // The tree's nodes are copied as a whole, before any area is.
        if (vma_iter_prealloc(oldmm) != 0)
            retval = -ENOMEM;
        for (vm_area_struct? mpnt = retval == 0 ? oldmm.mm_mt.First : null; mpnt is not null; mpnt = mpnt.Next)
        {
            if ((mpnt.vm_flags & VM_DONTCOPY) != 0)
            {
                vm_stat_account(mm, mpnt.vm_flags, -(long)vma_pages(mpnt));
                continue;
            }

            ulong charge = 0;
            if ((mpnt.vm_flags & VM_ACCOUNT) != 0)
            {
                charge = vma_pages(mpnt);
                if (security_vm_enough_memory_mm(oldmm, (long)charge) != 0)
                {
                    retval = -ENOMEM;
                    break;
                }
            }

            vm_area_struct? tmp = vm_area_dup(mpnt, mm);
            if (tmp is null)
            {
                vm_unacct_memory(mm.kernel, (long)charge);
                retval = -ENOMEM;
                break;
            }

            tmp.uffd_flags = 0;
            if ((tmp.vm_flags & VM_WIPEONFORK) != 0)
                tmp.anon_vma = null;
            else
                retval = anon_vma_fork(tmp, mpnt);
            if (retval != 0)
            {
                tmp.anon_vma = null;
                vm_area_free(tmp);
                vm_unacct_memory(mm.kernel, (long)charge);
                break;
            }

            vm_flags_clear(tmp, VM_LOCKED_MASK);
            if (tmp.vm_file is not null)
                tmp.vm_file = get_file(tmp.vm_file);
            mm.mm_mt.Insert(tmp);
            vma_link_file(tmp);
            mm.map_count++;
            tmp.vm_ops?.open?.Invoke(tmp);
            if ((tmp.vm_flags & VM_WIPEONFORK) == 0)
                retval = copy_page_range(tmp, mpnt);
            if (retval != 0)
                break;
        }

        up_write(mm.mmap_lock);
        oldmm.arch.flush_tlb_mm_range(oldmm, 0, oldmm.task_size, PAGE_SHIFT, freed_tables: false);
        up_write(oldmm.mmap_lock);
        return retval;
    }

    /// <summary>The top-down search of x86 and of the generic code, which are alike.</summary>
    [MustHoldShared("mm.mmap_lock")]
    private static ulong arch_get_unmapped_area_topdown(mm_struct mm, @file? file, ulong addr, ulong len, ulong flags, ulong vm_flags)
    {
        _ = file;
        if ((flags & MAP_FIXED) != 0)
            return addr;
        bool x86 = mm.arch.HasMap32Bit;
        if (x86 && (flags & MAP_32BIT) != 0)
            return arch_get_unmapped_area(mm, addr, len);
        if (addr != 0)
        {
            addr = x86 ? addr & PAGE_MASK : PAGE_ALIGN(addr);
            if (mm.task_size - len >= addr)
            {
                vm_area_struct? vma = mm.mm_mt.Find(addr);
                if (vma is null || addr + len <= VmaTree.StartWithGap(vma))
                    return addr;
            }
        }

        ulong low = x86 && (flags & MAP_ABOVE4G) != 0 ? SZ_4G : PAGE_SIZE;
        ulong found = mm.mm_mt.GapTopDown(len + Guard(vm_flags), Math.Max(low, mm.kernel.mmap_min_addr), mm.mmap_base & PAGE_MASK);
        if (found != 0)
            return found + Guard(vm_flags);

        // Nothing below the base: a limited stack may have left room above it.
        found = mm.mm_mt.GapBottomUp(len, mm.task_size / 3, mm.task_size);
        return found != 0 ? found : unchecked((ulong)-ENOMEM);
    }

    /// <summary>The two gigabytes that MAP_32BIT means.</summary>
    [MustHoldShared("mm.mmap_lock")]
    private static ulong arch_get_unmapped_area(mm_struct mm, ulong addr, ulong len)
    {
        // The start is randomised over 32 MiB above 1 GiB; this is its middle.
        const ulong begin = 0x41000000;
        const ulong end = 0x80000000;
        if (len > end)
            return unchecked((ulong)-ENOMEM);
        if (addr != 0)
        {
            addr = PAGE_ALIGN(addr);
            vm_area_struct? vma = mm.mm_mt.Find(addr);
            if (end - len >= addr && (vma is null || addr + len <= VmaTree.StartWithGap(vma)))
                return addr;
        }

        ulong found = mm.mm_mt.GapBottomUp(len, begin, end);
        return found != 0 ? found : unchecked((ulong)-ENOMEM);
    }

    private static ulong Guard(ulong vm_flags) => (vm_flags & VM_GROWSDOWN) != 0 ? VmaTree.StackGuardGap : 0;

    private static ulong round_hint_to_min(mm_struct mm, ulong hint)
    {
        hint &= PAGE_MASK;
        return hint != 0 && hint < mm.kernel.mmap_min_addr ? PAGE_ALIGN(mm.kernel.mmap_min_addr) : hint;
    }

    private static bool file_mmap_ok(@file file, pgoff_t pgoff, ulong len)
    {
        // Regular files end where loff_t does; everything else addresses what it likes.
        ulong maxsize = (file.f_inode.i_mode & S_IFMT) == S_IFREG ? long.MaxValue : ulong.MaxValue;
        if (len > maxsize)
            return false;
        maxsize -= len;
        return pgoff <= maxsize >> PAGE_SHIFT;
    }

    private static bool check_data_rlimit(mm_struct mm, ulong brk)
    {
        ulong limit = rlimit(RLIMIT_DATA);
        return limit == ulong.MaxValue || brk - mm.start_brk <= limit;
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MustCheck]
    private static int do_brk_flags(ulong addr, ulong len)
    {
        mm_struct mm = current.mm!;
        ulong flags = VM_READ | VM_WRITE | VM_ACCOUNT | mm.def_flags | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
        ulong at = __get_unmapped_area(null, addr, len, MAP_FIXED, flags);
        if (IS_ERR_VALUE(at))
            return (int)at;
        if (!mlock_future_ok(mm, mm.def_flags, len))
            return -EAGAIN;
        if (!may_expand_vm(mm, flags, len >> PAGE_SHIFT) || mm.map_count > mm.kernel.sysctl_max_map_count)
            return -ENOMEM;
        if (security_vm_enough_memory_mm(mm, (long)(len >> PAGE_SHIFT)) != 0)
            return -ENOMEM;
        vm_area_struct? prev = mm.mm_mt.FindBefore(addr, out vm_area_struct? next);
        vma_merge_struct vmg = default;
        vmg.mm = mm;
        vmg.prev = prev;
        vmg.next = next;
        vmg.start = addr;
        vmg.end = addr + len;
        vmg.pgoff = addr >> PAGE_SHIFT;
        vmg.vm_flags = flags;
        vm_area_struct? vma = vma_merge_new_range(ref vmg);
        if (vma is null)
        {
            vma = vm_area_alloc(mm);
            if (vma is null)
            {
                vm_unacct_memory(mm.kernel, (long)(len >> PAGE_SHIFT));
                return -ENOMEM;
            }

            vma_set_anonymous(vma);
            vma_set_range(vma, addr, addr + len, addr >> PAGE_SHIFT);
            vma.vm_flags = flags;
            vma_set_page_prot(vma);
            if (vma_link(mm, vma) != 0)
            {
                vm_area_free(vma);
                vm_unacct_memory(mm.kernel, (long)(len >> PAGE_SHIFT));
                return -ENOMEM;
            }
        }

        mm.total_vm += len >> PAGE_SHIFT;
        mm.data_vm += len >> PAGE_SHIFT;
        if ((flags & VM_LOCKED) != 0)
            mm.locked_vm += len >> PAGE_SHIFT;
        return 0;
    }
}
