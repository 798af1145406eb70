// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/vma.c, Linux 6.18.
namespace Linux;

// Areas: split, merge, insert, remove. Everything here runs under mmap_lock held for writing.
//
// Lock order:
//
//   inode->i_rwsem
//     mm->mmap_lock
//       mapping->invalidate_lock
//         mapping->i_mmap_rwsem
//           mm->page_table_lock
//             zone->lock
internal static partial class Vma
{
    /// <summary>Unlinks the area's pages' tables, its file and itself. The area is out of the tree.</summary>
    internal static void remove_vma(vm_area_struct vma, bool closed = false)
    {
        if (!closed)
            vma_close(vma);
        if (vma.vm_file is not null)
            fput(vma.vm_file);
        vm_area_free(vma);
    }

    internal static void vma_close(vm_area_struct vma)
    {
        if (vma.vm_ops?.close is { } close)
        {
            close(vma);

            // The owner may have freed its data: nothing of it may be called again.
            vma.vm_ops = vma_dummy_vm_ops;
        }
    }

    /// <summary>Room in the tree of areas for the change that comes next, so that it cannot fail half way.</summary>
    /// <returns>0 or -ENOMEM.</returns>
    [MustCheck]
    internal static int vma_iter_prealloc(mm_struct mm) => should_fail(mm.kernel, "maple_node") ? -ENOMEM : 0;

    [MustHold("mm.mmap_lock")]
    [MustCheck]
    internal static int vma_link(mm_struct mm, vm_area_struct vma)
    {
        if (vma_iter_prealloc(mm) != 0)
            return -ENOMEM;
        mm.mm_mt.Insert(vma);
        vma_link_file(vma);
        mm.map_count++;
        return 0;
    }

    internal static void vma_link_file(vm_area_struct vma)
    {
        if (vma.vm_file is not { } file)
            return;
        address_space mapping = file.f_mapping;
        down_write(mapping.i_mmap_rwsem);
        if (vma_is_shared_maywrite(vma))
            Interlocked.Increment(ref mapping.i_mmap_writable);
        mapping.i_mmap.Add(vma);
        up_write(mapping.i_mmap_rwsem);
    }

    internal static void unlink_file_vma(vm_area_struct vma)
    {
        if (vma.vm_file is not { } file)
            return;
        address_space mapping = file.f_mapping;
        down_write(mapping.i_mmap_rwsem);
        __remove_shared_vm_struct(vma, mapping);
        up_write(mapping.i_mmap_rwsem);
    }

    // Splitting.

    /// <summary>Splits an area in two at the address; the new one is below or above.</summary>
    [MustCheck]
    [MustHold("vma.vm_mm.mmap_lock")]
    internal static int split_vma(vm_area_struct vma, ulong addr, bool new_below) =>
        vma.vm_mm.map_count >= vma.vm_mm.kernel.sysctl_max_map_count ? -ENOMEM : __split_vma(vma, addr, new_below);

    // Merging.

    /// <summary>Merges a range of an existing area, as it would be after a change, with the area before or after it, or with both.</summary>
    /// <returns>The area that now covers the range, or null when nothing merges.</returns>
    internal static vm_area_struct? vma_merge_existing_range(scoped ref vma_merge_struct vmg)
    {
        mmap_assert_write_locked(vmg.mm);
        vm_area_struct middle = vmg.middle!;
        vm_area_struct? prev = vmg.prev;
        ulong start = vmg.start;
        ulong end = vmg.end;
        bool left_side = start == middle.vm_start;
        bool right_side = end == middle.vm_end;
        vmg.next = right_side ? middle.Next : null;

        // The range must touch an end of the area, and nothing special merges.
        if ((vmg.vm_flags & VM_SPECIAL) != 0 || (!left_side && !right_side))
            return null;
        bool merge_left = left_side && can_vma_merge_left(ref vmg);
        bool merge_right = right_side && can_vma_merge_right(ref vmg, merge_left);
        if (!merge_left && !merge_right)
            return null;

        bool remove_middle = left_side && right_side;
        if (remove_middle && !can_merge_remove_vma(middle))
            return null;
        bool remove_next = merge_left && merge_right;
        if (remove_next && !can_merge_remove_vma(vmg.next!))
        {
            remove_next = false;
            merge_right = false;
        }

        vm_area_struct? next = vmg.next;
        vm_area_struct target = merge_left ? prev! : next!;
        vm_area_struct donor = remove_next && next!.anon_vma is not null ? next : middle;
        if (dup_anon_vma(target, donor, out bool duplicated) != 0 || vma_iter_prealloc(vmg.mm) != 0)
        {
            if (duplicated)
                unlink_anon_vmas(target);
            vmg.nomem = true;
            vmg.start = start;
            vmg.end = end;
            return null;
        }

        ulong sticky = (vmg.vm_flags | middle.vm_flags | target.vm_flags | (remove_next ? next!.vm_flags : 0)) & VM_STICKY;
        address_space? mapping = BeginAdjust(target);
        mm_struct mm = vmg.mm;
        if (remove_next)
        {
            mm.mm_mt.Erase(middle);
            mm.mm_mt.Erase(next!);
            vma_set_range(target, prev!.vm_start, next!.vm_end, prev.vm_pgoff);
        }
        else if (merge_left)
        {
            if (remove_middle)
            {
                mm.mm_mt.Erase(middle);
            }
            else
            {
                vma_set_range(middle, end, middle.vm_end, middle.vm_pgoff + ((end - middle.vm_start) >> PAGE_SHIFT));
                mm.mm_mt.Update(middle);
            }

            vma_set_range(target, target.vm_start, end, target.vm_pgoff);
        }
        else
        {
            if (remove_middle)
            {
                mm.mm_mt.Erase(middle);
            }
            else
            {
                vma_set_range(middle, middle.vm_start, start, middle.vm_pgoff);
                mm.mm_mt.Update(middle);
            }

            vma_set_range(target, start, target.vm_end, target.vm_pgoff - ((target.vm_start - start) >> PAGE_SHIFT));
        }

        mm.mm_mt.Update(target);
        vm_flags_set(target, sticky);
        vmg.vm_flags |= sticky;
        EndAdjust(mapping, remove_middle ? middle : null, remove_next ? next : null);
        vmg.target = target;
        return target;
    }

    /// <summary>Covers a range without an area by growing its neighbours.</summary>
    /// <returns>The area that now covers the range, or null when nothing merges.</returns>
    internal static vm_area_struct? vma_merge_new_range(scoped ref vma_merge_struct vmg)
    {
        vm_area_struct? prev = vmg.prev;
        vm_area_struct? next = vmg.next;
        ulong start = vmg.start;
        ulong end = vmg.end;
        pgoff_t pgoff = vmg.pgoff;

        if ((vmg.vm_flags & VM_SPECIAL) != 0 || (prev is null && next is null))
            return null;
        bool merge_left = can_vma_merge_left(ref vmg);
        bool merge_right = can_vma_merge_right(ref vmg, merge_left);
        if (merge_right)
        {
            vmg.end = next!.vm_end;
            vmg.target = next;
        }

        if (merge_left)
        {
            vmg.start = prev!.vm_start;
            vmg.target = prev;
            vmg.pgoff = prev.vm_pgoff;

            // Where the next area would have to go and cannot, the previous one grows up to it.
            if (merge_right && !can_merge_remove_vma(next!))
                vmg.end = end;
        }

        if (vmg.target is not null && vma_expand(ref vmg) == 0)
            return vmg.target;
        vmg.start = start;
        vmg.end = end;
        vmg.pgoff = pgoff;
        vmg.target = null;
        return null;
    }

    /// <summary>Grows the target to the range of the proposal, which may swallow the area after it.</summary>
    [MustCheck]
    internal static int vma_expand(scoped ref vma_merge_struct vmg)
    {
        vm_area_struct target = vmg.target!;
        vm_area_struct? next = vmg.next;
        bool remove_next = next is not null && target != next && vmg.end == next.vm_end;
        bool duplicated = false;
        int error = 0;

        // Pages may be about to be moved here from the area that is copied: its family must be known here.
        if (remove_next)
            error = dup_anon_vma(target, next!, out duplicated);
        else if (vmg.middle is not null && vmg.middle != target)
            error = dup_anon_vma(target, vmg.middle, out duplicated);
        if (error != 0 || vma_iter_prealloc(vmg.mm) != 0)
        {
            if (duplicated)
                unlink_anon_vmas(target);
            vmg.nomem = true;
            return -ENOMEM;
        }

        ulong sticky = (vmg.vm_flags | target.vm_flags | (remove_next ? next!.vm_flags : 0)) & VM_STICKY;
        mmap_assert_write_locked(vmg.mm);
        pgoff_t pgoff = target == next ? next.vm_pgoff - ((next.vm_start - vmg.start) >> PAGE_SHIFT) : vmg.pgoff;
        address_space? mapping = BeginAdjust(target);
        if (remove_next)
            vmg.mm.mm_mt.Erase(next!);
        vma_set_range(target, vmg.start, vmg.end, pgoff);
        vmg.mm.mm_mt.Update(target);
        vm_flags_set(target, sticky);
        EndAdjust(mapping, remove_next ? next : null, null);
        return 0;
    }

    /// <summary>Merges the next <paramref name="delta"/> bytes after the area, which are free, into it and perhaps the area after them too.</summary>
    internal static vm_area_struct? vma_merge_extend(vm_area_struct vma, ulong delta)
    {
        vma_merge_struct vmg = new(vma, vma, vma.vm_end, vma.vm_end + delta)
        {
            middle = null,
            next = vma.Next,
            pgoff = vma.vm_pgoff + vma_pages(vma),
        };
        return vma_merge_new_range(ref vmg);
    }

    // Changing a range of one area: merge first, else split.

    [ErrorPointer]
    internal static ErrPtr<vm_area_struct> vma_modify_flags(vm_area_struct? prev, vm_area_struct vma, ulong start, ulong end, ref ulong new_flags)
    {
        vma_merge_struct vmg = new(vma, prev, start, end) { vm_flags = new_flags };
        ErrPtr<vm_area_struct> ret = vma_modify(ref vmg);
        new_flags = vmg.vm_flags;
        return ret;
    }

    [ErrorPointer]
    internal static ErrPtr<vm_area_struct> vma_modify_name(vm_area_struct? prev, vm_area_struct vma, ulong start, ulong end, string? name)
    {
        vma_merge_struct vmg = new(vma, prev, start, end) { anon_name = name };
        return vma_modify(ref vmg);
    }

    [ErrorPointer]
    internal static ErrPtr<vm_area_struct> vma_modify_policy(vm_area_struct? prev, vm_area_struct vma, ulong start, ulong end, mempolicy? policy)
    {
        vma_merge_struct vmg = new(vma, prev, start, end) { policy = policy };
        return vma_modify(ref vmg);
    }

    [ErrorPointer]
    internal static ErrPtr<vm_area_struct> vma_modify_flags_uffd(vm_area_struct? prev, vm_area_struct vma, ulong start, ulong end, ulong new_flags, uint uffd)
    {
        vma_merge_struct vmg = new(vma, prev, start, end) { vm_flags = new_flags, uffd = uffd };
        return vma_modify(ref vmg);
    }

    /// <summary>The area for pages that move to another address: a merge there, or a copy.</summary>
    /// <returns>Null without memory, or if something is in the way.</returns>
    internal static vm_area_struct? copy_vma(ref vm_area_struct vmap, ulong addr, ulong len, pgoff_t pgoff)
    {
        vm_area_struct vma = vmap;
        ulong vma_start = vma.vm_start;
        mm_struct mm = vma.vm_mm;
        mmap_assert_write_locked(mm);

        // An area without pages of its own is numbered by where it is, which lets it merge there.
        if (vma_is_anonymous(vma) && vma.anon_vma is null)
            pgoff = addr >> PAGE_SHIFT;
        vm_area_struct? prev = mm.mm_mt.FindBefore(addr + len, out vm_area_struct? next);
        if (prev is not null && prev.vm_end > addr)
            return null;
        vma_merge_struct vmg = new(vma, prev, addr, addr + len) { next = next, pgoff = pgoff };
        vm_area_struct? new_vma = vma_merge_new_range(ref vmg);
        if (new_vma is not null)
        {
            // The source may have become part of the target.
            if (vma_start >= new_vma.vm_start && vma_start < new_vma.vm_end)
                vmap = new_vma;
            return new_vma;
        }

        new_vma = vm_area_dup(vma, mm);
        if (new_vma is null)
            return null;
        vma_set_range(new_vma, addr, addr + len, pgoff);
        if (anon_vma_clone(new_vma, vma) != 0)
        {
            vm_area_free(new_vma);
            return null;
        }

        if (new_vma.vm_file is not null)
            new_vma.vm_file = get_file(new_vma.vm_file);
        new_vma.vm_ops?.open?.Invoke(new_vma);
        if (vma_link(mm, new_vma) == 0)
            return new_vma;
        vma_close(new_vma);
        if (new_vma.vm_file is not null)
            fput(new_vma.vm_file);
        unlink_anon_vmas(new_vma);
        vm_area_free(new_vma);
        return null;
    }

    /// <summary>A family that the area could share with a neighbour, because both could become one area if permissions were alike.</summary>
    internal static anon_vma? find_mergeable_anon_vma(vm_area_struct vma)
    {
        if (vma.Next is { } next && reusable_anon_vma(next, vma, next) is { } after)
            return after;
        return vma.Previous is { } prev ? reusable_anon_vma(prev, prev, vma) : null;
    }

    // Unmapping.

    /// <summary>munmap(): argument checks, then the work.</summary>
    [MustHold("mm.mmap_lock")]
    [MightSleep]
    internal static int do_vmi_munmap(mm_struct mm, ulong start, ulong len)
    {
        if ((start & ~PAGE_MASK) != 0 || start > mm.task_size || len > mm.task_size - start)
            return -EINVAL;
        ulong end = start + PAGE_ALIGN(len);
        if (end == start)
            return -EINVAL;
        vm_area_struct? vma = find_vma_intersection(mm, start, end);
        return vma is null ? 0 : do_vmi_align_munmap(vma, mm, start, end);
    }

    [MustHold("mm.mmap_lock")]
    [MightSleep]
    internal static int do_vmi_align_munmap(vm_area_struct vma, mm_struct mm, ulong start, ulong end)
    {
        vma_munmap_struct vms = default;
        init_vma_munmap(ref vms, mm, vma, start, end);
        int error = vms_gather_munmap_vmas(ref vms);
        if (error != 0)
            return error;

        // The range is cleared in the tree at once: this is the last step that can fail, and the areas are as they were, only split.
        if (vma_iter_prealloc(mm) != 0)
            return -ENOMEM;
        vms_clear_ptes(ref vms);
        vms_complete_munmap_vmas(ref vms);
        return 0;
    }

    /// <summary>Takes the pages and then the tables of a chain of areas. The areas may still be in the tree.</summary>
    [MightSleep]
    internal static void unmap_region(mm_struct mm, vm_area_struct first, ulong start, ulong end, vm_area_struct? prev, vm_area_struct? next)
    {
        mmu_gather tlb = default;
        tlb_gather_mmu(ref tlb, mm);
        unmap_vmas(ref tlb, first, start, end);
        ulong floor = prev is null ? 0 : prev.vm_end;
        ulong ceiling = next is null ? ulong.MaxValue : next.vm_start;
        for (vm_area_struct? vma = first; vma is not null; vma = vma.DetachNext)
        {
            unlink_anon_vmas(vma);
            unlink_file_vma(vma);
        }

        free_pgd_range(ref tlb, start, end, floor, ceiling);
        tlb_finish_mmu(ref tlb);
    }

    // mmap.

    /// <summary>Maps a range after all arguments were checked; what was mapped there goes, and is gone even if the file's own mmap fails.</summary>
    /// <returns>The address or a negative errno in the same word.</returns>
    [MustHold("mm.mmap_lock")]
    [MightSleep]
    internal static ulong mmap_region(mm_struct mm, @file? file, ulong addr, ulong len, ulong vm_flags, pgoff_t pgoff)
    {
        bool writable_file_mapping = false;
        if (file is not null && is_shared_maywrite(vm_flags))
        {
            int error = mapping_map_writable(file.f_mapping);
            if (error != 0)
                return (ulong)error;
            writable_file_mapping = true;
        }

        ulong ret = __mmap_region(mm, file, addr, len, vm_flags, pgoff);
        if (writable_file_mapping)
            Interlocked.Decrement(ref file!.f_mapping.i_mmap_writable);
        return ret;
    }

    [MustCheck]
    internal static int mapping_map_writable(address_space mapping)
    {
        while (true)
        {
            int was = Volatile.Read(ref mapping.i_mmap_writable);
            if (was < 0)
                return -EPERM;
            if (Interlocked.CompareExchange(ref mapping.i_mmap_writable, was + 1, was) == was)
                return 0;
        }
    }

    /// <summary>Puts an area made elsewhere (a stack, a special mapping) into the address space.</summary>
    [MustHold("mm.mmap_lock")]
    [MustCheck]
    internal static int insert_vm_struct(mm_struct mm, vm_area_struct vma)
    {
        ulong pages = vma_pages(vma);
        if (find_vma_intersection(mm, vma.vm_start, vma.vm_end) is not null)
            return -ENOMEM;
        if ((vma.vm_flags & VM_ACCOUNT) != 0 && security_vm_enough_memory_mm(mm, (long)pages) != 0)
            return -ENOMEM;
        if (vma_is_anonymous(vma))
            vma.vm_pgoff = vma.vm_start >> PAGE_SHIFT;
        if (vma_link(mm, vma) == 0)
            return 0;
        if ((vma.vm_flags & VM_ACCOUNT) != 0)
            vm_unacct_memory(mm.kernel, (long)pages);
        return -ENOMEM;
    }

    internal static void vma_set_range(vm_area_struct vma, ulong start, ulong end, pgoff_t pgoff)
    {
        vma.vm_start = start;
        vma.vm_end = end;
        vma.vm_pgoff = pgoff;
    }

    /// <summary>Entries of a shared writable area are made read-only where the file must hear of the first write.</summary>
    internal static void vma_set_page_prot(vm_area_struct vma)
    {
        ulong vm_flags = vma.vm_flags;
        if (vma_wants_writenotify(vma))
            vm_flags &= ~VM_SHARED;
        vma.vm_page_prot = vma.vm_mm.arch.vm_get_page_prot(vm_flags);
    }

    internal static bool vma_wants_writenotify(vm_area_struct vma)
    {
        if ((vma.vm_flags & (VM_WRITE | VM_SHARED)) != (VM_WRITE | VM_SHARED))
            return false;
        return vma.vm_ops?.page_mkwrite is not null || (vma.uffd_flags & (uint)VM_UFFD_WP) != 0;
    }

    /// <summary>Grows a stack down to the address. Under mmap_lock for writing.</summary>
    [MustHold("vma.vm_mm.mmap_lock")]
    [MustCheck]
    internal static int expand_downwards(vm_area_struct vma, ulong address)
    {
        mm_struct mm = vma.vm_mm;
        if ((vma.vm_flags & VM_GROWSDOWN) == 0)
            return -EFAULT;
        address &= PAGE_MASK;
        if (address < mm.kernel.mmap_min_addr)
            return -EPERM;

        // Enforce the gap to the area below, unless that is a stack too or inaccessible.
        if (vma.Previous is { } prev && (prev.vm_flags & VM_GROWSDOWN) == 0 && vma_is_accessible(prev) && address - prev.vm_end < VmaTree.StackGuardGap)
            return -ENOMEM;
        if (vma.Previous is { } below && below.vm_end > address)
            return -ENOMEM;
        if (vma_iter_prealloc(mm) != 0)
            return -ENOMEM;
        if (anon_vma_prepare(vma) != 0)
            return -ENOMEM;
        if (address >= vma.vm_start)
            return 0;
        ulong size = vma.vm_end - address;
        ulong grow = (vma.vm_start - address) >> PAGE_SHIFT;
        if (grow > vma.vm_pgoff)
            return -ENOMEM;
        if (!may_expand_vm(mm, vma.vm_flags, grow) || size > rlimit(RLIMIT_STACK) || !mlock_future_ok(mm, vma.vm_flags, grow << PAGE_SHIFT))
            return -ENOMEM;
        if (security_vm_enough_memory_mm(mm, (long)grow) != 0)
            return -ENOMEM;
        if ((vma.vm_flags & VM_LOCKED) != 0)
            mm.locked_vm += grow;
        vm_stat_account(mm, vma.vm_flags, (long)grow);
        vma.vm_start = address;
        vma.vm_pgoff -= grow;
        mm.mm_mt.Update(vma);
        return 0;
    }

    private static bool can_merge_remove_vma(vm_area_struct vma) => vma.vm_ops?.close is null;

    /// <summary>Someone else's family is in the area's chain, so that pages of a parent may still be mapped.</summary>
    private static bool vma_had_uncowed_parents(vm_area_struct? vma) => vma?.anon_vma is not null && vma.anon_vma_chain!.Count != 1;

    private static bool is_mergeable_anon_vma(scoped ref vma_merge_struct vmg, bool merge_next)
    {
        vm_area_struct tgt = merge_next ? vmg.next! : vmg.prev!;
        anon_vma? tgt_anon = tgt.anon_vma;
        anon_vma? src_anon = vmg.anon_vma;
        if (tgt_anon is null && src_anon is not null)
            return !vma_had_uncowed_parents(vmg.middle);
        if (tgt_anon is not null && src_anon is null)
            return !vma_had_uncowed_parents(tgt);
        return src_anon == tgt_anon;
    }

    private static bool are_anon_vmas_compatible(vm_area_struct vma1, vm_area_struct vma2)
    {
        if (vma1.anon_vma is null && vma2.anon_vma is not null)
            return !vma_had_uncowed_parents(vma2);
        if (vma1.anon_vma is not null && vma2.anon_vma is null)
            return !vma_had_uncowed_parents(vma1);
        return vma1.anon_vma == vma2.anon_vma;
    }

    private static bool is_mergeable_vma(scoped ref vma_merge_struct vmg, bool merge_next)
    {
        vm_area_struct vma = merge_next ? vmg.next! : vmg.prev!;
        if (!mpol_equal(vmg.policy, vma.vm_policy))
            return false;
        if (((vma.vm_flags ^ vmg.vm_flags) & ~VM_IGNORE_MERGE) != 0)
            return false;
        return vma.vm_file == vmg.file && vma.uffd_flags == vmg.uffd && vma.anon_name == vmg.anon_name;
    }

    private static bool can_vma_merge_before(scoped ref vma_merge_struct vmg) =>
        is_mergeable_vma(ref vmg, merge_next: true) && is_mergeable_anon_vma(ref vmg, merge_next: true) &&
        vmg.next!.vm_pgoff == vmg.pgoff + ((vmg.end - vmg.start) >> PAGE_SHIFT);

    private static bool can_vma_merge_after(scoped ref vma_merge_struct vmg) =>
        is_mergeable_vma(ref vmg, merge_next: false) && is_mergeable_anon_vma(ref vmg, merge_next: false) &&
        vmg.prev!.vm_pgoff + vma_pages(vmg.prev) == vmg.pgoff;

    private static bool can_vma_merge_left(scoped ref vma_merge_struct vmg) =>
        vmg.prev is not null && vmg.prev.vm_end == vmg.start && can_vma_merge_after(ref vmg);

    private static bool can_vma_merge_right(scoped ref vma_merge_struct vmg, bool can_merge_left)
    {
        if (vmg.next is null || vmg.end != vmg.next.vm_start || !can_vma_merge_before(ref vmg))
            return false;

        // Both neighbours may go together with the range, and yet not with each other.
        return !can_merge_left || are_anon_vmas_compatible(vmg.prev!, vmg.next!);
    }

    [MustCheck]
    private static int dup_anon_vma(vm_area_struct dst, vm_area_struct src, out bool duplicated)
    {
        duplicated = false;
        if (src.anon_vma is null || dst.anon_vma is not null)
            return 0;
        dst.anon_vma = src.anon_vma;
        int error = anon_vma_clone(dst, src);
        if (error != 0)
            dst.anon_vma = null;
        duplicated = error == 0;
        return error;
    }

    // Who looks up areas by file offset reads them under i_mmap_rwsem, so their ranges change under it.
    [ContextUnsafe("only the area of a file has the lock to take")]
    private static address_space? BeginAdjust(vm_area_struct vma)
    {
        address_space? mapping = vma.vm_file?.f_mapping;
        if (mapping is not null)
            down_write(mapping.i_mmap_rwsem);
        return mapping;
    }

    [ContextUnsafe("only the area of a file has the lock to drop")]
    private static void EndAdjust(address_space? mapping, vm_area_struct? remove, vm_area_struct? remove2)
    {
        if (mapping is not null)
        {
            if (remove is not null)
                __remove_shared_vm_struct(remove, mapping);
            if (remove2 is not null)
                __remove_shared_vm_struct(remove2, mapping);
            up_write(mapping.i_mmap_rwsem);
        }

        Forget(remove);
        Forget(remove2);
    }

    private static void Forget(vm_area_struct? vma)
    {
        if (vma is null)
            return;
        mm_struct mm = vma.vm_mm;
        mmap_assert_write_locked(mm);
        if (mm.Hint == vma)
            mm.Hint = null;
        if (vma.vm_file is not null)
            fput(vma.vm_file);
        unlink_anon_vmas(vma);
        mm.map_count--;
        vm_area_free(vma);
    }

    [MustHold("mapping.i_mmap_rwsem")]
    private static void __remove_shared_vm_struct(vm_area_struct vma, address_space mapping)
    {
        if (vma_is_shared_maywrite(vma))
            Interlocked.Decrement(ref mapping.i_mmap_writable);
        mapping.i_mmap.Remove(vma);
    }

    [MustCheck]
    [MustHold("vma.vm_mm.mmap_lock")]
    private static int __split_vma(vm_area_struct vma, ulong addr, bool new_below)
    {
        BUG_ON(vma.vm_start >= addr || vma.vm_end <= addr);
        mm_struct mm = vma.vm_mm;
        if (vma.vm_ops?.may_split is { } may_split)
        {
            int err = may_split(vma, addr);
            if (err != 0)
                return err;
        }

        vm_area_struct? @new = vm_area_dup(vma, mm);
        if (@new is null)
            return -ENOMEM;
        if (new_below)
        {
            @new.vm_end = addr;
        }
        else
        {
            @new.vm_start = addr;
            @new.vm_pgoff += (addr - vma.vm_start) >> PAGE_SHIFT;
        }

        int error = vma_iter_prealloc(mm);
        if (error == 0)
            error = anon_vma_clone(@new, vma);
        if (error != 0)
        {
            vm_area_free(@new);
            return error;
        }

        if (@new.vm_file is not null)
            @new.vm_file = get_file(@new.vm_file);
        @new.vm_ops?.open?.Invoke(@new);
        address_space? mapping = BeginAdjust(vma);
        if (new_below)
            vma_set_range(vma, addr, vma.vm_end, vma.vm_pgoff + ((addr - vma.vm_start) >> PAGE_SHIFT));
        else
            vma.vm_end = addr;
        mm.mm_mt.Update(vma);
        mm.mm_mt.Insert(@new);
        mm.map_count++;
        if (mapping is not null)
        {
            lockdep_assert_held_write(mapping.i_mmap_rwsem);
            if (vma_is_shared_maywrite(@new))
                Interlocked.Increment(ref mapping.i_mmap_writable);
            mapping.i_mmap.Add(@new);
        }

        EndAdjust(mapping, null, null);
        return 0;
    }

    [ErrorPointer]
    private static ErrPtr<vm_area_struct> vma_modify(scoped ref vma_merge_struct vmg)
    {
        vm_area_struct vma = vmg.middle!;
        ulong start = vmg.start;
        ulong end = vmg.end;
        mmap_assert_write_locked(vma.vm_mm);
        vm_area_struct? merged = vma_merge_existing_range(ref vmg);
        if (merged is not null)
            return merged;
        if (vmg.nomem)
            return ERR_PTR<vm_area_struct>(-ENOMEM);
        if (vma.vm_start < start)
        {
            int err = split_vma(vma, start, new_below: true);
            if (err != 0)
                return ERR_PTR<vm_area_struct>(err);
        }

        if (vma.vm_end > end)
        {
            int err = split_vma(vma, end, new_below: false);
            if (err != 0)
                return ERR_PTR<vm_area_struct>(err);
        }

        return vma;
    }

    private static anon_vma? reusable_anon_vma(vm_area_struct old, vm_area_struct a, vm_area_struct b)
    {
        if (!anon_vma_compatible(a, b))
            return null;
        return Volatile.Read(ref old.anon_vma) is { } anon_vma && old.anon_vma_chain!.Count == 1 ? anon_vma : null;
    }

    private static bool anon_vma_compatible(vm_area_struct a, vm_area_struct b) =>
        a.vm_end == b.vm_start && mpol_equal(a.vm_policy, b.vm_policy) && a.vm_file == b.vm_file &&
        ((a.vm_flags ^ b.vm_flags) & ~(VM_ACCESS_FLAGS | VM_IGNORE_MERGE)) == 0 && b.vm_pgoff == a.vm_pgoff + vma_pages(a);

    private static void init_vma_munmap(scoped ref vma_munmap_struct vms, mm_struct mm, vm_area_struct? vma, ulong start, ulong end)
    {
        vms.mm = mm;
        vms.vma = vma;
        vms.start = start;
        vms.end = end;
        vms.clear_ptes = true;
    }

    /// <summary>Splits at the ends of the range and chains the areas inside. Splits stay when a later step fails.</summary>
    [MustCheck]
    private static int vms_gather_munmap_vmas(scoped ref vma_munmap_struct vms)
    {
        vm_area_struct vma = vms.vma!;
        mm_struct mm = vms.mm;
        mmap_assert_write_locked(mm);
        if (vms.start > vma.vm_start)
        {
            // Unmapping the middle leaves one area more than before; any other unmapping may exceed the limit for a moment.
            if (vms.end < vma.vm_end && mm.map_count >= mm.kernel.sysctl_max_map_count)
                return -ENOMEM;
            mmap_assert_write_locked(vma.vm_mm);
            int error = __split_vma(vma, vms.start, new_below: true);
            if (error != 0)
                return error;
        }

        vms.prev = vma.Previous;
        vm_area_struct? next = vma;
        while (next is not null && next.vm_start < vms.end)
        {
            if (next.vm_end > vms.end)
            {
                mmap_assert_write_locked(next.vm_mm);
                int error = __split_vma(next, vms.end, new_below: false);
                if (error != 0)
                    return error;
            }

            if (vma_iter_prealloc(mm) != 0)
                return -ENOMEM;
            next.DetachNext = null;
            if (vms.last is null)
                vms.first = next;
            else
                vms.last.DetachNext = next;
            vms.last = next;
            vms.vma_count++;
            ulong nrpages = vma_pages(next);
            vms.nr_pages += nrpages;
            if ((next.vm_flags & VM_LOCKED) != 0)
                vms.locked_vm += nrpages;
            if ((next.vm_flags & VM_ACCOUNT) != 0)
                vms.nr_accounted += nrpages;
            if (is_exec_mapping(next.vm_flags))
                vms.exec_vm += nrpages;
            else if (is_stack_mapping(next.vm_flags))
                vms.stack_vm += nrpages;
            else if (is_data_mapping(next.vm_flags))
                vms.data_vm += nrpages;
            next = next.Next;
        }

        vms.next = next;
        return 0;
    }

    /// <summary>Takes pages, tables and the areas' places in the tree. There is no way back after this.</summary>
    [MightSleep]
    private static void vms_clear_ptes(scoped ref vma_munmap_struct vms)
    {
        if (!vms.clear_ptes || vms.first is null)
            return;
        unmap_region(vms.mm, vms.first, vms.start, vms.end, vms.prev, vms.next);
        vms.clear_ptes = false;
        mmap_assert_write_locked(vms.mm);
        for (vm_area_struct? vma = vms.first; vma is not null; vma = vma.DetachNext)
        {
            if (vms.mm.Hint == vma)
                vms.mm.Hint = null;
            vms.mm.mm_mt.Erase(vma);
        }
    }

    /// <summary>The old areas' pages go and their owners hear of it before a file's mmap runs for the new area.</summary>
    [MightSleep]
    private static void vms_clean_up_area(scoped ref vma_munmap_struct vms)
    {
        if (vms.first is null)
            return;
        vms_clear_ptes(ref vms);
        for (vm_area_struct? vma = vms.first; vma is not null; vma = vma.DetachNext)
            vma_close(vma);
        vms.closed_vm_ops = true;
    }

    [MightSleep]
    private static void vms_complete_munmap_vmas(scoped ref vma_munmap_struct vms)
    {
        if (vms.first is null)
            return;
        mm_struct mm = vms.mm;
        mmap_assert_write_locked(mm);
        mm.map_count -= vms.vma_count;
        mm.locked_vm -= vms.locked_vm;
        mm.total_vm -= vms.nr_pages;
        mm.exec_vm -= vms.exec_vm;
        mm.stack_vm -= vms.stack_vm;
        mm.data_vm -= vms.data_vm;
        for (vm_area_struct? vma = vms.first; vma is not null;)
        {
            vm_area_struct? next = vma.DetachNext;
            vma.DetachNext = null;
            remove_vma(vma, vms.closed_vm_ops);
            vma = next;
        }

        vm_unacct_memory(mm.kernel, (long)vms.nr_accounted);
        vms.first = vms.last = null;
    }

    /// <summary>Before the old areas are touched they simply stay; afterwards there is a hole where they were.</summary>
    private static void vms_abort_munmap_vmas(scoped ref vma_munmap_struct vms)
    {
        if (vms.clear_ptes)
            return;
        vms_complete_munmap_vmas(ref vms);
    }

    [MustHold("mm.mmap_lock")]
    [MightSleep]
    private static ulong __mmap_region(mm_struct mm, @file? file, ulong addr, ulong len, ulong vm_flags, pgoff_t pgoff)
    {
        mmap_state map = default;
        map.mm = mm;
        map.addr = addr;
        map.end = addr + len;
        map.pgoff = pgoff;
        map.pglen = len >> PAGE_SHIFT;
        map.vm_flags = vm_flags;
        map.file = file;
        bool have_mmap_prepare = file?.f_op.mmap_prepare is not null;

        int error = __mmap_prepare(ref map);
        if (error == 0 && have_mmap_prepare)
            error = call_mmap_prepare(ref map);
        if (error != 0)
        {
            if (map.charged != 0)
                vm_unacct_memory(mm.kernel, (long)map.charged);
            vms_abort_munmap_vmas(ref map.vms);
            return (ulong)error;
        }

        vm_area_struct? vma = null;
        if (map.prev is not null || map.next is not null)
        {
            vma_merge_struct vmg = default;
            vmg.mm = mm;
            vmg.prev = map.prev;
            vmg.next = map.next;
            vmg.start = map.addr;
            vmg.end = map.end;
            vmg.pgoff = map.pgoff;
            vmg.vm_flags = map.vm_flags;
            vmg.file = map.file;
            vma = vma_merge_new_range(ref vmg);
        }

        if (vma is null)
        {
            error = __mmap_new_vma(ref map, have_mmap_prepare, out vma);
            if (error != 0)
            {
                if (map.charged != 0)
                    vm_unacct_memory(mm.kernel, (long)map.charged);
                vms_abort_munmap_vmas(ref map.vms);
                return (ulong)error;
            }
        }

        __mmap_complete(ref map, vma!);
        return addr;
    }

    [MustCheck]
    private static int __mmap_prepare(scoped ref mmap_state map)
    {
        mm_struct mm = map.mm;
        mmap_assert_write_locked(mm);
        vm_area_struct? first = find_vma_intersection(mm, map.addr, map.end);
        init_vma_munmap(ref map.vms, mm, first, map.addr, map.end);
        if (first is not null)
        {
            int error = vms_gather_munmap_vmas(ref map.vms);
            if (error != 0)
            {
                map.vms.nr_pages = 0;
                return error;
            }

            map.prev = map.vms.prev;
            map.next = map.vms.next;
        }
        else
        {
            map.prev = mm.mm_mt.FindBefore(map.addr, out vm_area_struct? next);
            map.next = next;
        }

        if (!may_expand_vm(mm, map.vm_flags, map.pglen - map.vms.nr_pages))
            return -ENOMEM;
        if (accountable_mapping(map.file, map.vm_flags))
        {
            // What the old areas are charged for is taken over.
            long charged = (long)(map.pglen - map.vms.nr_accounted);
            if (charged != 0)
            {
                int error = security_vm_enough_memory_mm(mm, charged);
                if (error != 0)
                    return error;
            }

            map.charged = (ulong)charged;
            map.vms.nr_accounted = 0;
            map.vm_flags |= VM_ACCOUNT;
        }

        vms_clean_up_area(ref map.vms);
        return 0;
    }

    [MustCheck]
    private static int call_mmap_prepare(scoped ref mmap_state map)
    {
        var desc = new vm_area_desc
        {
            mm = map.mm,
            start = map.addr,
            end = map.end,
            pgoff = map.pgoff,
            vm_file = map.file,
            vm_flags = map.vm_flags,
            page_prot = map.mm.arch.vm_get_page_prot(map.vm_flags),
            vm_ops = vma_dummy_vm_ops,
        };
        mmap_prepare_t mmap_prepare = map.file!.f_op.mmap_prepare!;
        mmap_assert_write_locked(desc.mm);
        int err = mmap_prepare(desc);
        if (err != 0)
            return err;
        map.pgoff = desc.pgoff;
        map.file_changed = map.file != desc.vm_file;
        map.file = desc.vm_file;
        map.vm_flags = desc.vm_flags;
        map.vm_ops = desc.vm_ops;
        map.vm_private_data = desc.private_data;
        return 0;
    }

    [MustCheck]
    private static int __mmap_new_vma(scoped ref mmap_state map, bool prepared, out vm_area_struct? vmap)
    {
        vmap = null;
        mm_struct mm = map.mm;
        vm_area_struct? vma = vm_area_alloc(mm);
        if (vma is null)
            return -ENOMEM;
        vma_set_range(vma, map.addr, map.end, map.pgoff);
        vma.vm_flags = map.vm_flags;
        vma.vm_page_prot = mm.arch.vm_get_page_prot(map.vm_flags);
        int error = vma_iter_prealloc(mm);
        if (error != 0)
        {
            vm_area_free(vma);
            return error;
        }

        if (map.file is not null)
            error = __mmap_new_file_vma(ref map, vma, prepared);
        else if ((map.vm_flags & VM_SHARED) != 0)
            error = shmem_zero_setup(vma);
        else
            vma_set_anonymous(vma);
        if (error != 0)
        {
            vm_area_free(vma);
            return error;
        }

        mmap_assert_write_locked(mm);
        mm.mm_mt.Insert(vma);
        vma_link_file(vma);
        mm.map_count++;
        vmap = vma;
        return 0;
    }

    [MustCheck]
    private static int __mmap_new_file_vma(scoped ref mmap_state map, vm_area_struct vma, bool prepared)
    {
        @file file = map.file!;
        if (!map.file_changed)
            get_file(file);
        vma.vm_file = file;
        if (prepared)
        {
            vma.vm_ops = map.vm_ops;
            vma.vm_private_data = map.vm_private_data;
            return 0;
        }

        if (file.f_op.mmap is not { } mmap)
            return 0;
        int error = mmap(file, vma);
        if (error != 0)
        {
            fput(file);
            vma.vm_file = null;

            // A driver may have mapped a part before it failed.
            vma.vm_ops = vma_dummy_vm_ops;
            unmap_region(map.mm, vma, vma.vm_start, vma.vm_end, map.prev, map.next);
            return error;
        }

        map.vm_flags = vma.vm_flags;
        return 0;
    }

    [MightSleep]
    private static void __mmap_complete(scoped ref mmap_state map, vm_area_struct vma)
    {
        mm_struct mm = map.mm;
        mmap_assert_write_locked(mm);
        ulong vm_flags = vma.vm_flags;
        vms_complete_munmap_vmas(ref map.vms);
        vm_stat_account(mm, vm_flags, (long)map.pglen);
        if ((vm_flags & VM_LOCKED) != 0)
        {
            if ((vm_flags & (VM_SPECIAL | VM_HUGETLB)) != 0)
                vm_flags_clear(vma, VM_LOCKED_MASK);
            else
                mm.locked_vm += map.pglen;
        }

        vma_set_page_prot(vma);
    }

    /// <summary>
    /// Takes every lock under which somebody may be walking page tables of the mm without its mmap_lock, which is held for writing: when it returns 0,
    /// no invalidation is under way, and none begins. Families of anonymous pages have no lock here, since nobody walks page tables by them.
    /// </summary>
    /// <returns>0, or -EINTR with nothing taken.</returns>
    [MightSleep]
    [MustCheck]
    [MustHold("mm.mmap_lock")]
    [ContextUnsafe("takes as many locks as the mm has files; mm_drop_all_locks() gives them back, and lockdep follows at run time")]
    internal static int mm_take_all_locks(mm_struct mm)
    {
        mutex_lock(mm.kernel.mm_all_locks_mutex);
        for (vm_area_struct? vma = mm.mm_mt.First; vma is not null; vma = vma.Next)
        {
            if (signal_pending(current))
            {
                mm_drop_all_locks(mm);
                return -EINTR;
            }

            if (vma.vm_file is { } file)
                vm_lock_mapping(mm, file.f_mapping);
        }

        return 0;
    }

    [MustHold("mm.mmap_lock")]
    [ContextUnsafe("gives back what mm_take_all_locks() took")]
    internal static void mm_drop_all_locks(mm_struct mm)
    {
        for (vm_area_struct? vma = mm.mm_mt.First; vma is not null; vma = vma.Next)
        {
            if (vma.vm_file is { } file)
                vm_unlock_mapping(file.f_mapping);
        }

        mutex_unlock(mm.kernel.mm_all_locks_mutex);
    }

    /// <summary>A file may be mapped many times and is locked once: the bit says that it is, and mm_all_locks_mutex guards the bit.</summary>
    [ContextUnsafe("part of mm_take_all_locks()")]
    private static void vm_lock_mapping(mm_struct mm, address_space mapping)
    {
        if ((Interlocked.Or(ref mapping.flags, 1UL << AS_MM_ALL_LOCKS) & (1UL << AS_MM_ALL_LOCKS)) == 0)
            down_write_nest_lock(mapping.i_mmap_rwsem, mm.mmap_lock);
    }

    [ContextUnsafe("part of mm_drop_all_locks()")]
    private static void vm_unlock_mapping(address_space mapping)
    {
        if ((Interlocked.And(ref mapping.flags, ~(1UL << AS_MM_ALL_LOCKS)) & (1UL << AS_MM_ALL_LOCKS)) != 0)
            up_write(mapping.i_mmap_rwsem);
    }
}
