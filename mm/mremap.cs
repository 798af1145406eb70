// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mremap.c, Linux 6.18.
namespace Linux;

internal enum mremap_type
{
    MREMAP_INVALID,
    MREMAP_NO_RESIZE,
    MREMAP_SHRINK,
    MREMAP_EXPAND,
}

/// <summary>One mremap() on its way.</summary>
internal ref struct vma_remap_struct
{
    internal ulong addr;
    internal ulong old_len;
    internal ulong new_len;
    internal ulong flags;
    internal ulong new_addr;
    internal vm_area_struct? vma;
    internal ulong delta;
    internal bool populate_expand;
    internal mremap_type remap_type;
    internal bool mmap_locked;
    internal ulong charged;
}

internal static unsafe class Mremap
{
    private const ulong EFAULT_ADDRESS = unchecked((ulong)-EFAULT);

    /// <returns>The address of the region, moved or not, or a negative errno.</returns>
    [MightSleep]
    internal static long sys_mremap(ulong addr, ulong old_len, ulong new_len, ulong flags, ulong new_addr)
    {
        vma_remap_struct vrm = default;
        vrm.addr = addr;
        vrm.old_len = old_len;
        vrm.new_len = new_len;
        vrm.flags = flags;
        vrm.new_addr = new_addr;
        vrm.remap_type = mremap_type.MREMAP_INVALID;
        return (long)do_mremap(ref vrm);
    }

    /// <summary>Moves the entries of a range to another place, table entry by table entry.</summary>
    /// <returns>Bytes moved; less than asked without memory for tables.</returns>
    [MustHold("old.vm_mm.mmap_lock")]
    [MightSleep]
    internal static ulong move_page_tables(vm_area_struct old, vm_area_struct @new, ulong old_addr, ulong new_addr, ulong len)
    {
        if (len == 0)
            return 0;
        mm_struct mm = old.vm_mm;
        task_struct task = current;
        ulong old_end = old_addr + len;
        mmu_notifier_range range = default;
        mmu_notifier_range_init(ref range, mmu_notifier_event.MMU_NOTIFY_UNMAP, 0, mm, old_addr, old_end);
        mmu_notifier_invalidate_range_start(ref range);

        // Who unmaps the file's pages must find them at one place or the other: the file's areas stay as they are meanwhile.
        address_space? mapping = old.vm_file?.f_mapping;
        bool need_rmap_locks = mapping is not null;
        if (need_rmap_locks)
            down_write(mapping!.i_mmap_rwsem);
        pt_cursor from = new(mm);
        pt_cursor to = new(mm);
        ulong at = old_addr;
        bool any = false;
        while (at < old_end)
        {
            ulong source = from.WalkPte(at, out ulong next);
            ulong stop = Math.Min(next, old_end);
            if (source == 0)
            {
                at = stop;
                continue;
            }

            // One step stays within one table on both sides.
            ulong dest = new_addr + (at - old_addr);
            stop = Math.Min(stop, at + (((dest + PMD_SIZE) & PMD_MASK) - dest));
            ulong target = to.WalkPte(dest, out _);
            if (target == 0)
            {
                target = pte_alloc(mm, dest);
                if (target == 0)
                    break;
                to = new(mm);
            }

            split_huge_pmd(mm.kernel, source);
            split_huge_pmd(mm.kernel, target);
            spin_lock(mm.page_table_lock);
            ulong* old_pte = (ulong*)mm.memory.Host(source) + pte_index(at);
            ulong* new_pte = (ulong*)mm.memory.Host(target) + pte_index(dest);
            for (; at < stop; at += PAGE_SIZE, old_pte++, new_pte++)
            {
                if (ptep_get(old_pte).val == 0)
                    continue;
                pte_t pte = ptep_get_and_clear(task, old_pte);
                any |= mm.arch.pte_present(pte);
                set_pte_at(task, new_pte, pte);
            }

            spin_unlock(mm.page_table_lock);
        }

        if (any)
            mm.arch.flush_tlb_mm_range(mm, old_addr, old_end, PAGE_SHIFT, freed_tables: false);
        if (need_rmap_locks)
            up_write(mapping!.i_mmap_rwsem);
        mmu_notifier_invalidate_range_end(ref range);
        return at - old_addr;
    }

    private static bool vrm_implies_new_addr(scoped ref vma_remap_struct vrm) => (vrm.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0;

    private static bool vrm_will_map_new(scoped ref vma_remap_struct vrm) => vrm.remap_type == mremap_type.MREMAP_EXPAND || vrm_implies_new_addr(ref vrm);

    private static bool vrm_overlaps(scoped ref vma_remap_struct vrm) =>
        vrm.addr + vrm.old_len > vrm.new_addr && vrm.new_addr + vrm.new_len > vrm.addr;

    private static mremap_type vrm_remap_type(scoped ref vma_remap_struct vrm)
    {
        if (vrm.delta == 0)
            return mremap_type.MREMAP_NO_RESIZE;
        return vrm.old_len > vrm.new_len ? mremap_type.MREMAP_SHRINK : mremap_type.MREMAP_EXPAND;
    }

    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    private static ulong vrm_set_new_addr(scoped ref vma_remap_struct vrm)
    {
        ulong map_flags = 0;
        if ((vrm.flags & MREMAP_FIXED) != 0)
            map_flags |= MAP_FIXED;
        if ((vrm.vma!.vm_flags & VM_MAYSHARE) != 0)
            map_flags |= MAP_SHARED;
        ulong res = get_unmapped_area(vrm.vma.vm_file, vrm.new_addr, vrm.new_len, map_flags);
        if (IS_ERR_VALUE(res))
            return res;
        vrm.new_addr = res;
        return 0;
    }

    private static bool vrm_calc_charge(scoped ref vma_remap_struct vrm)
    {
        if ((vrm.vma!.vm_flags & VM_ACCOUNT) == 0)
            return true;

        // Where the old mapping stays, the whole new one is extra.
        ulong charged = ((vrm.flags & MREMAP_DONTUNMAP) != 0 ? vrm.old_len : vrm.new_len - vrm.old_len) >> PAGE_SHIFT;
        if (vrm.remap_type != mremap_type.MREMAP_EXPAND && (vrm.flags & MREMAP_DONTUNMAP) == 0)
            charged = 0;
        if (charged != 0 && security_vm_enough_memory_mm(vrm.vma.vm_mm, (long)charged) != 0)
            return false;
        vrm.charged = charged;
        return true;
    }

    private static void vrm_uncharge(scoped ref vma_remap_struct vrm, Kernel kernel)
    {
        vm_unacct_memory(kernel, (long)vrm.charged);
        vrm.charged = 0;
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    private static void vrm_stat_account(scoped ref vma_remap_struct vrm, ulong bytes)
    {
        vm_area_struct vma = vrm.vma!;
        mm_struct mm = current.mm!;
        vm_stat_account(mm, vma.vm_flags, (long)(bytes >> PAGE_SHIFT));
        if ((vma.vm_flags & VM_LOCKED) != 0)
            mm.locked_vm += bytes >> PAGE_SHIFT;
    }

    /// <summary>Checks that need no area.</summary>
    private static int check_mremap_params(scoped ref vma_remap_struct vrm, mm_struct mm)
    {
        if ((vrm.flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP)) != 0)
            return -EINVAL;
        if ((vrm.addr & ~PAGE_MASK) != 0)
            return -EINVAL;
        if (vrm.new_len == 0)
            return -EINVAL;
        if (vrm.new_len > mm.task_size)
            return -EINVAL;
        if (!vrm_implies_new_addr(ref vrm))
            return 0;
        if (vrm.new_addr > mm.task_size - vrm.new_len)
            return -EINVAL;
        if ((vrm.new_addr & ~PAGE_MASK) != 0)
            return -EINVAL;
        if ((vrm.flags & MREMAP_MAYMOVE) == 0)
            return -EINVAL;
        if ((vrm.flags & MREMAP_DONTUNMAP) != 0 && vrm.old_len != vrm.new_len)
            return -EINVAL;
        if (vrm_overlaps(ref vrm))
            return -EINVAL;

        // A move may split twice before it unmaps.
        return Volatile.Read(ref mm.map_count) + 2 >= mm.kernel.sysctl_max_map_count - 3 ? -ENOMEM : 0;
    }

    /// <summary>Checks that need the area.</summary>
    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    private static int check_prep_vma(scoped ref vma_remap_struct vrm)
    {
        vm_area_struct? vma = vrm.vma;
        if (vma is null)
            return -EFAULT;
        mm_struct mm = current.mm!;
        vrm.delta = vrm.old_len > vrm.new_len ? vrm.old_len - vrm.new_len : vrm.new_len - vrm.old_len;
        vrm.remap_type = vrm_remap_type(ref vrm);
        if (!vrm_implies_new_addr(ref vrm))
            vrm.new_addr = vrm.addr;
        if (!vrm_will_map_new(ref vrm))
            return 0;
        ulong old_len = vrm.old_len;
        ulong new_len = vrm.new_len;

        // Length 0 duplicates a shared mapping; a private one has nothing to share.
        if (old_len == 0 && (vma.vm_flags & (VM_SHARED | VM_MAYSHARE)) == 0)
            return -EINVAL;
        if ((vrm.flags & MREMAP_DONTUNMAP) != 0 && (vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP)) != 0)
            return -EINVAL;

        // A shrink may begin past the area's end, for it only unmaps.
        if (vrm.remap_type == mremap_type.MREMAP_SHRINK)
            old_len = new_len;
        if (old_len > vma.vm_end - vrm.addr)
            return -EFAULT;
        if (new_len == old_len)
            return 0;
        if ((vma.vm_flags & VM_LOCKED) != 0)
            vrm.populate_expand = true;
        pgoff_t pgoff = linear_page_index(vma, vrm.addr);
        if (pgoff + (new_len >> PAGE_SHIFT) < pgoff)
            return -EINVAL;
        if ((vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP)) != 0)
            return -EFAULT;
        if (!mlock_future_ok(mm, vma.vm_flags, vrm.delta))
            return -EAGAIN;
        return may_expand_vm(mm, vma.vm_flags, vrm.delta >> PAGE_SHIFT) ? 0 : -ENOMEM;
    }

    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    private static bool vma_expandable(vm_area_struct vma, ulong delta)
    {
        ulong end = vma.vm_end + delta;
        if (end < vma.vm_end || find_vma_intersection(current.mm!, vma.vm_end, end) is not null)
            return false;
        return (get_unmapped_area(null, vma.vm_start, end - vma.vm_start, MAP_FIXED) & ~PAGE_MASK) == 0;
    }

    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    private static bool vrm_can_expand_in_place(scoped ref vma_remap_struct vrm)
    {
        vm_area_struct vma = vrm.vma!;
        return vrm.old_len == vma.vm_end - vrm.addr && vma_expandable(vma, vrm.delta);
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    private static int expand_vma_in_place(scoped ref vma_remap_struct vrm)
    {
        Kernel kernel = vrm.vma!.vm_mm.kernel;
        if (!vrm_calc_charge(ref vrm))
            return -ENOMEM;
        vm_area_struct? vma = vma_merge_extend(vrm.vma!, vrm.delta);
        if (vma is null)
        {
            vrm_uncharge(ref vrm, kernel);
            return -ENOMEM;
        }

        vrm.vma = vma;
        vrm_stat_account(ref vrm, vrm.delta);
        return 0;
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static ulong expand_vma(scoped ref vma_remap_struct vrm)
    {
        if (vrm_can_expand_in_place(ref vrm))
        {
            int res = expand_vma_in_place(ref vrm);
            return res != 0 ? (ulong)res : vrm.addr;
        }

        if ((vrm.flags & MREMAP_MAYMOVE) == 0)
            return unchecked((ulong)-ENOMEM);
        vrm.new_addr = 0;
        ulong err = vrm_set_new_addr(ref vrm);
        return err != 0 ? err : move_vma(ref vrm);
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static int shrink_vma(scoped ref vma_remap_struct vrm)
    {
        mm_struct mm = current.mm!;
        int res = do_vmi_munmap(mm, vrm.addr + vrm.new_len, vrm.delta);
        vrm.vma = null;
        if (res != 0)
            return res;
        vrm.vma = vma_lookup(mm, vrm.addr);
        return vrm.vma is null ? -EFAULT : 0;
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static ulong mremap_at(scoped ref vma_remap_struct vrm)
    {
        switch (vrm.remap_type)
        {
            case mremap_type.MREMAP_NO_RESIZE:
                return vrm.addr;
            case mremap_type.MREMAP_SHRINK:
                // What is beyond goes; whether anything begins here does not matter any more.
                mm_struct mm = current.mm!;
                int err = do_vmi_munmap(mm, vrm.addr + vrm.new_len, vrm.delta);
                return err != 0 ? (ulong)err : vrm.addr;
            case mremap_type.MREMAP_EXPAND:
                return expand_vma(ref vrm);
            default:
                return unchecked((ulong)-EINVAL);
        }
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static ulong mremap_to(scoped ref vma_remap_struct vrm)
    {
        mm_struct mm = current.mm!;
        if ((vrm.flags & MREMAP_FIXED) != 0)
        {
            // What is at the target goes first, and stays gone if something fails later.
            int err = do_munmap(mm, vrm.new_addr, vrm.new_len);
            vrm.vma = null;
            if (err != 0)
                return (ulong)err;
            vrm.vma = vma_lookup(mm, vrm.addr);
            if (vrm.vma is null)
                return EFAULT_ADDRESS;
        }

        if (vrm.remap_type == mremap_type.MREMAP_SHRINK)
        {
            int err = shrink_vma(ref vrm);
            if (err != 0)
                return (ulong)err;
            vrm.old_len = vrm.new_len;
        }

        if ((vrm.flags & MREMAP_DONTUNMAP) != 0 && !may_expand_vm(mm, vrm.vma!.vm_flags, vrm.old_len >> PAGE_SHIFT))
            return unchecked((ulong)-ENOMEM);
        ulong error = vrm_set_new_addr(ref vrm);
        return error != 0 ? error : move_vma(ref vrm);
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static ulong move_vma(scoped ref vma_remap_struct vrm)
    {
        vm_area_struct vma = vrm.vma!;
        mm_struct mm = vma.vm_mm;
        int err = prep_move_vma(ref vrm);
        if (err != 0)
            return (ulong)err;
        if (!vrm_calc_charge(ref vrm))
            return unchecked((ulong)-ENOMEM);
        err = copy_vma_and_data(ref vrm, out vm_area_struct? new_vma);
        if (err != 0 && new_vma is null)
        {
            vrm_uncharge(ref vrm, mm.kernel);
            return (ulong)err;
        }

        // Even after a failure: the unmapping of the copy, which became the source, takes it off again.
        vrm_stat_account(ref vrm, vrm.new_len);
        if (err == 0 && (vrm.flags & MREMAP_DONTUNMAP) != 0)
            dontunmap_complete(ref vrm, new_vma!);
        else
            unmap_source_vma(ref vrm);
        return err != 0 ? (ulong)err : vrm.new_addr;
    }

    [MustHoldShared("CurrentH.current.mm.mmap_lock")]
    private static int prep_move_vma(scoped ref vma_remap_struct vrm)
    {
        vm_area_struct vma = vrm.vma!;
        mm_struct mm = current.mm!;
        if (mm.map_count >= mm.kernel.sysctl_max_map_count - 3)
            return -ENOMEM;
        if (vma.vm_ops?.may_split is { } may_split)
        {
            int err = 0;
            if (vma.vm_start != vrm.addr)
                err = may_split(vma, vrm.addr);
            if (err == 0 && vma.vm_end != vrm.addr + vrm.old_len)
                err = may_split(vma, vrm.addr + vrm.old_len);
            if (err != 0)
                return err;
        }

        return 0;
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static int copy_vma_and_data(scoped ref vma_remap_struct vrm, out vm_area_struct? new_vma_ptr)
    {
        vm_area_struct vma = vrm.vma!;
        pgoff_t new_pgoff = linear_page_index(vma, vrm.addr);
        vm_area_struct? new_vma = copy_vma(ref vma, vrm.new_addr, vrm.new_len, new_pgoff);
        new_vma_ptr = new_vma;
        if (new_vma is null)
            return -ENOMEM;
        vrm.vma = vma;
        int err = 0;
        mmap_assert_write_locked(vma.vm_mm);
        mmap_assert_write_locked(new_vma.vm_mm);
        ulong moved_len = move_page_tables(vma, new_vma, vrm.addr, vrm.new_addr, vrm.old_len);
        if (moved_len < vrm.old_len)
            err = -ENOMEM;
        else if (vma.vm_ops?.mremap is { } mremap)
            err = mremap(new_vma);
        if (err != 0)
        {
            // The way back finds its tables, so it cannot fail; then the copy is what gets unmapped.
            move_page_tables(new_vma, vma, vrm.new_addr, vrm.addr, moved_len);
            vrm.vma = new_vma;
            vrm.old_len = vrm.new_len;
            vrm.addr = vrm.new_addr;
        }

        return err;
    }

    /// <summary>The old mapping stays, empty and unlocked, while its locked pages stay counted.</summary>
    private static void dontunmap_complete(scoped ref vma_remap_struct vrm, vm_area_struct new_vma)
    {
        vm_area_struct vma = vrm.vma!;
        ulong start = vrm.addr;
        ulong end = start + vrm.old_len;
        vm_flags_clear(vma, VM_LOCKED_MASK);
        if (new_vma != vma && start == vma.vm_start && end == vma.vm_end)
            unlink_anon_vmas(vma);
    }

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static void unmap_source_vma(scoped ref vma_remap_struct vrm)
    {
        mm_struct mm = current.mm!;
        vm_area_struct vma = vrm.vma!;
        ulong addr = vrm.addr;
        ulong len = vrm.old_len;
        bool accountable_move = (vma.vm_flags & VM_ACCOUNT) != 0 && (vrm.flags & MREMAP_DONTUNMAP) == 0;
        ulong vm_start = vma.vm_start;
        ulong vm_end = vma.vm_end;

        // The charge moved with the pages, so the unmapping must not give it back.
        if (accountable_move)
            vm_flags_clear(vma, VM_ACCOUNT);
        int err = do_vmi_munmap(mm, addr, len);
        vrm.vma = null;
        if (err != 0)
        {
            vm_acct_memory(mm.kernel, (long)(len >> PAGE_SHIFT));
            return;
        }

        if (accountable_move)
        {
            ulong end = addr + len;
            if (vm_start < addr)
                vm_flags_set(vma_lookup(mm, addr - 1)!, VM_ACCOUNT);
            if (vm_end > end)
                vm_flags_set(vma_lookup(mm, end)!, VM_ACCOUNT);
        }
    }

    /// <summary>A move to a fixed place without a change of size takes along everything in the range, gaps included.</summary>
    private static bool vrm_move_only(scoped ref vma_remap_struct vrm) => (vrm.flags & MREMAP_FIXED) != 0 && vrm.old_len == vrm.new_len;

    private static bool vma_multi_allowed(vm_area_struct vma) => vma.uffd_flags == 0;

    [MustHold("CurrentH.current.mm.mmap_lock")]
    [MightSleep]
    private static ulong remap_move(scoped ref vma_remap_struct vrm)
    {
        mm_struct mm = current.mm!;
        ulong start = vrm.addr;
        ulong end = vrm.addr + vrm.old_len;
        ulong new_addr = vrm.new_addr;
        ulong target_addr = new_addr;
        ulong res = EFAULT_ADDRESS;
        ulong last_end = 0;
        bool seen_vma = false;
        ulong at = start;
        while (true)
        {
            vm_area_struct? vma = find_vma_intersection(mm, at, end);
            if (vma is null)
                return res;
            ulong vma_end = vma.vm_end;
            ulong addr = Math.Max(vma.vm_start, start);
            ulong len = Math.Min(end, vma_end) - addr;
            if (!seen_vma && start < vma.vm_start)
                return EFAULT_ADDRESS;
            ulong offset = seen_vma ? vma.vm_start - last_end : 0;
            last_end = vma_end;
            vrm.vma = vma;
            vrm.addr = addr;
            vrm.new_addr = target_addr + offset;
            vrm.old_len = vrm.new_len = len;
            if (!vma_multi_allowed(vma) && (seen_vma || vma_end < end))
                return EFAULT_ADDRESS;
            int prep = check_prep_vma(ref vrm);
            ulong res_vma = prep != 0 ? (ulong)prep : mremap_to(ref vrm);
            if (IS_ERR_VALUE(res_vma))
                return res_vma;
            if (!seen_vma)
                res = res_vma;
            seen_vma = true;
            target_addr = res_vma + len;
            at = addr + len;
            if (at >= end)
                return res;
        }
    }

    [MightSleep]
    private static ulong do_mremap(scoped ref vma_remap_struct vrm)
    {
        mm_struct mm = current.mm!;
        vrm.old_len = PAGE_ALIGN(vrm.old_len);
        vrm.new_len = PAGE_ALIGN(vrm.new_len);
        int check = check_mremap_params(ref vrm, mm);
        if (check != 0)
            return (ulong)check;
        if (down_write_killable(mm.mmap_lock) != 0)
            return unchecked((ulong)-EINTR);
        ulong res;
        if (vrm_move_only(ref vrm))
        {
            res = remap_move(ref vrm);
        }
        else
        {
            vrm.vma = vma_lookup(mm, vrm.addr);
            check = check_prep_vma(ref vrm);
            if (check != 0)
                res = (ulong)check;
            else
                res = vrm_implies_new_addr(ref vrm) ? mremap_to(ref vrm) : mremap_at(ref vrm);
        }

        bool failed = IS_ERR_VALUE(res);
        up_write(mm.mmap_lock);
        if (!failed && vrm.populate_expand)
            mm_populate(vrm.new_addr + vrm.old_len, vrm.delta);
        return res;
    }
}
