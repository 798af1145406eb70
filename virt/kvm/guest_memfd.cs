// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/guest_memfd.c, Linux 6.18; the direct-map part follows the direct-map series v12.
namespace Linux;

// Lock order:
//
//   kvm->slots_lock                              release, bind, unbind, memslot updates
//     inode->i_mapping->invalidate_lock          W: punch, bind, unbind, release; R: allocate, memory failure
//       kvm->mmu_lock                            invalidate begin and end
//       folio lock                               get_folio
//
// The user fault arrives with mmap_lock and takes the folio lock only; the guest fault holds kvm->srcu and takes the folio lock only: it
// learns of a racing punch through mmu_invalidate_seq. No path takes slots_lock under invalidate_lock, or invalidate_lock under mmu_lock.
//
// Who pins whom: the file pins the VM and the inode; the inode pins the pages; a memslot pins nothing.

/// <summary>One VM's view of the memory in an inode: the private data of the file.</summary>
internal sealed class gmem_file
{
    internal gmem_file(kvm kvm)
    {
        this.kvm = kvm;
        bindings = new xarray_of<kvm_memory_slot>(kvm.kernel, "gmem->bindings");
    }

    /// <summary>Counted. Immutable.</summary>
    internal readonly kvm kvm;

    /// <summary>Memslots by page index. Changed under invalidate_lock held for writing; single lookups under RCU.</summary>
    internal readonly xarray_of<kvm_memory_slot> bindings;
}

/// <summary>What the inode keeps beside its pages.</summary>
internal sealed class gmem_inode
{
    /// <summary>GUEST_MEMFD_FLAG_*. Immutable once the file is reachable.</summary>
    internal ulong flags;

    /// <summary>Views of this memory. Changed under invalidate_lock held for writing; today there is never more than one.</summary>
    internal readonly List<gmem_file> files = [];
}

internal static class GuestMemfd
{
    private static readonly file_operations kvm_gmem_fops = new()
    {
        owner = "kvm",
        mmap = kvm_gmem_mmap,
        release = kvm_gmem_release,
        fallocate = kvm_gmem_fallocate,
    };

    private static readonly vm_operations_struct kvm_gmem_vm_ops = new() { fault = kvm_gmem_fault_user_mapping };

    private static readonly address_space_operations kvm_gmem_aops = new()
    {
        dirty_folio = noop_dirty_folio,
        migrate_folio = kvm_gmem_migrate_folio,
        error_remove_folio = kvm_gmem_error_folio,
        free_folio = kvm_gmem_free_folio,
    };

    private static readonly inode_operations kvm_gmem_iops = new() { setattr = kvm_gmem_setattr };

    private static gmem_inode GMEM_I(inode inode) => (gmem_inode)inode.i_private!;

    private static pgoff_t kvm_gmem_get_index(kvm_memory_slot slot, gfn_t gfn) => gfn - slot.base_gfn + slot.gmem_pgoff;

    private static bool kvm_gmem_supports_mmap(inode inode) => (GMEM_I(inode).flags & GUEST_MEMFD_FLAG_MMAP) != 0;

    private static bool kvm_gmem_init_shared(inode inode) => (GMEM_I(inode).flags & GUEST_MEMFD_FLAG_INIT_SHARED) != 0;

    /// <summary>Flags that a file of this VM, or of the best VM when null, may be created with.</summary>
    internal static ulong kvm_gmem_get_supported_flags(Kernel kernel, kvm? kvm)
    {
        ulong flags = GUEST_MEMFD_FLAG_MMAP;
        if (kvm is null || kvm.arch_ops.kvm_arch_supports_gmem_init_shared(kvm))
            flags |= GUEST_MEMFD_FLAG_INIT_SHARED;
        if (kernel.direct_map.GmemFlag && (kvm is null || kvm.arch_ops.kvm_arch_gmem_supports_no_direct_map(kvm)))
            flags |= GUEST_MEMFD_FLAG_NO_DIRECT_MAP;
        return flags;
    }

    /// <summary>Zeroes the folio unless its contents are valid already; locked.</summary>
    [MightSleep]
    [MustHold("folio")]
    private static void kvm_gmem_mark_prepared(address_space mapping, folio folio)
    {
        if (!folio_test_uptodate(folio))
            mapping.kernel.direct_map.Clear(mapping, folio);
    }

    /// <summary>Makes the contents valid and tells the architecture, once for each folio that it will be this guest's.</summary>
    [MustCheck]
    [MightSleep]
    [MustHold("folio")]
    private static int kvm_gmem_prepare_folio(kvm kvm, kvm_memory_slot slot, gfn_t gfn, inode inode, folio folio)
    {
        // Binding ranges are not aligned to folios, but order is always 0.
        WARN_ON(folio_test_large(folio));
        bool fresh = !folio_test_uptodate(folio);
        kvm_gmem_mark_prepared(inode.i_mapping, folio);

        // The zap comes before the preparation: there is no way to take a preparation back when the zap fails.
        int r = kvm.kernel.direct_map.GmemHandOut(inode, folio);
        if (r != 0 || !fresh)
            return r;
        r = kvm.arch_ops.kvm_arch_gmem_prepare(kvm, gfn, new kvm_pfn_t(folio_pfn(folio)), folio_order(folio));
        if (r != 0)
            folio_clear_uptodate(folio);
        return r;
    }

    /// <summary>The folio at the index, created when the file has a hole there.</summary>
    /// <returns>A locked folio with a reference, or an error pointer.</returns>
    [ErrorPointer]
    [return: ReturnsReference]
    [Acquires("return")]
    [MightSleep]
    private static folio kvm_gmem_get_folio(inode inode, pgoff_t index) => filemap_grab_folio(inode.i_mapping, index);

    private static kvm_gfn_range_filter kvm_gmem_get_invalidate_filter(inode inode) =>
        kvm_gmem_init_shared(inode) ? kvm_gfn_range_filter.KVM_FILTER_SHARED : kvm_gfn_range_filter.KVM_FILTER_PRIVATE;

    /// <summary>
    /// Takes the range out of the guest and keeps it out until the matching end. Both must see the same bindings, which is why the caller
    /// holds invalidate_lock from before the one until after the other.
    /// </summary>
    private static void __kvm_gmem_invalidate_begin(gmem_file gmem, pgoff_t start, pgoff_t end, kvm_gfn_range_filter attr_filter)
    {
        kvm kvm = gmem.kvm;
        bool flush = false;
        bool found_memslot = false;
        ulong index = start;
        for (kvm_memory_slot? slot = gmem.bindings.xa_find(ref index, end - 1); slot is not null;)
        {
            pgoff_t pgoff = slot.gmem_pgoff;
            var gfn_range = new kvm_gfn_range
            {
                start = slot.base_gfn + (Math.Max(pgoff, start) - pgoff),
                end = slot.base_gfn + (Math.Min(pgoff + slot.npages, end) - pgoff),
                slot = slot,
                may_block = true,
                attr_filter = attr_filter,
            };

            if (!found_memslot)
            {
                found_memslot = true;
                KVM_MMU_LOCK(kvm);
                kvm_mmu_invalidate_begin(kvm);
            }

            flush |= kvm_mmu_unmap_gfn_range(kvm, in gfn_range);

            // A slot covers a run of indices; the next candidate is behind it.
            index = pgoff + slot.npages - 1;
            slot = index >= end - 1 ? null : gmem.bindings.xa_find_after(ref index, end - 1);
        }

        if (flush)
            kvm_flush_remote_tlbs(kvm);
        if (found_memslot)
            KVM_MMU_UNLOCK(kvm);
    }

    [MustHoldShared("inode.i_mapping.invalidate_lock")]
    private static void kvm_gmem_invalidate_begin(inode inode, pgoff_t start, pgoff_t end)
    {
        kvm_gfn_range_filter attr_filter = kvm_gmem_get_invalidate_filter(inode);
        foreach (gmem_file gmem in GMEM_I(inode).files)
            __kvm_gmem_invalidate_begin(gmem, start, end, attr_filter);
    }

    private static void __kvm_gmem_invalidate_end(gmem_file gmem, pgoff_t start, pgoff_t end)
    {
        kvm kvm = gmem.kvm;
        ulong index = start;
        if (gmem.bindings.xa_find(ref index, end - 1) is null)
            return;
        KVM_MMU_LOCK(kvm);
        kvm_mmu_invalidate_end(kvm);
        KVM_MMU_UNLOCK(kvm);
    }

    [MustHoldShared("inode.i_mapping.invalidate_lock")]
    private static void kvm_gmem_invalidate_end(inode inode, pgoff_t start, pgoff_t end)
    {
        foreach (gmem_file gmem in GMEM_I(inode).files)
            __kvm_gmem_invalidate_end(gmem, start, end);
    }

    [MightSleep]
    private static long kvm_gmem_punch_hole(inode inode, long offset, long len)
    {
        pgoff_t start = (ulong)offset >> PAGE_SHIFT;
        pgoff_t end = (ulong)(offset + len) >> PAGE_SHIFT;

        // Bindings must be stable from begin to end: the end would otherwise not be called for a slot that the begin counted.
        filemap_invalidate_lock(inode.i_mapping);
        kvm_gmem_invalidate_begin(inode, start, end);
        truncate_inode_pages_range(inode.i_mapping, offset, offset + len - 1);
        kvm_gmem_invalidate_end(inode, start, end);
        filemap_invalidate_unlock(inode.i_mapping);
        return 0;
    }

    [MightSleep]
    private static long kvm_gmem_allocate(inode inode, long offset, long len)
    {
        address_space mapping = inode.i_mapping;

        // The size never changes, so it needs no lock.
        if (offset + len > i_size_read(inode))
            return -EINVAL;

        int r = 0;
        filemap_invalidate_lock_shared(mapping);
        pgoff_t end = (ulong)(offset + len) >> PAGE_SHIFT;
        for (pgoff_t index = (ulong)offset >> PAGE_SHIFT; index < end;)
        {
            if (signal_pending(current))
            {
                r = -EINTR;
                break;
            }

            folio folio = kvm_gmem_get_folio(inode, index);
            if (IS_ERR(folio))
            {
                r = PTR_ERR(folio);
                break;
            }

            index = folio_next_index(folio);
            folio_unlock(folio);
            folio_put(folio);

            // 64-bit only: the index cannot wrap, but an allocation of terabytes must let others run.
            cond_resched();
        }

        filemap_invalidate_unlock_shared(mapping);
        return r;
    }

    [MightSleep]
    private static long kvm_gmem_fallocate(@file file, int mode, long offset, long len)
    {
        if ((mode & FallocH.FALLOC_FL_KEEP_SIZE) == 0)
            return -EOPNOTSUPP;
        if ((mode & ~(FallocH.FALLOC_FL_KEEP_SIZE | FallocH.FALLOC_FL_PUNCH_HOLE)) != 0)
            return -EOPNOTSUPP;
        if (!PAGE_ALIGNED(offset) || !PAGE_ALIGNED(len))
            return -EINVAL;

        long ret = (mode & FallocH.FALLOC_FL_PUNCH_HOLE) != 0
            ? kvm_gmem_punch_hole(file_inode(@file), offset, len)
            : kvm_gmem_allocate(file_inode(@file), offset, len);
        if (ret == 0)
            file_modified(@file);
        return ret;
    }

    [MightSleep]
    private static int kvm_gmem_release(inode inode, @file file)
    {
        var gmem = (gmem_file)file.private_data!;
        kvm kvm = gmem.kvm;

        // slots_lock keeps memslots, and with them the values in bindings, from being freed under the walk; the descriptor's last
        // reference is gone, so nobody can bind any more, but a slot may be deleted concurrently and would then unbind itself.
        mutex_lock(kvm.slots_lock);
        filemap_invalidate_lock(inode.i_mapping);

        // The memory stays with the inode; what ends is the slots' way to it. get_pfn() re-reads the pointer after it took its reference.
        ulong index = 0;
        for (kvm_memory_slot? slot = gmem.bindings.xa_find(ref index, ulong.MaxValue); slot is not null;
            slot = gmem.bindings.xa_find_after(ref index, ulong.MaxValue))
        {
            Volatile.Write(ref slot.gmem_file, null);
            index = slot.gmem_pgoff + slot.npages - 1;
        }

        // All references are gone: no fault can find the file any more, and what is mapped must go.
        __kvm_gmem_invalidate_begin(gmem, 0, ulong.MaxValue, kvm_gmem_get_invalidate_filter(inode));
        __kvm_gmem_invalidate_end(gmem, 0, ulong.MaxValue);
        GMEM_I(inode).files.Remove(gmem);

        filemap_invalidate_unlock(inode.i_mapping);
        mutex_unlock(kvm.slots_lock);

        gmem.bindings.xa_destroy();
        kvm_put_kvm(kvm);
        return 0;
    }

    /// <summary>The slot's file with a reference, unless it is dying or gone.</summary>
    [return: ReturnsReference]
    private static @file? kvm_gmem_get_file(kvm_memory_slot slot)
    {
        // Not get_file_active(ref slot.gmem_file) alone would do: release stores NULL only after the last reference is gone.
        return get_file_active(ref slot.gmem_file);
    }

    [MightSleep]
    private static vm_fault_t kvm_gmem_fault_user_mapping(ref vm_fault vmf)
    {
        inode inode = file_inode(vmf.vma.vm_file!);
        if ((long)(vmf.pgoff << PAGE_SHIFT) >= i_size_read(inode))
            return vm_fault_t.VM_FAULT_SIGBUS;
        if (!kvm_gmem_init_shared(inode))
            return vm_fault_t.VM_FAULT_SIGBUS;

        folio folio = kvm_gmem_get_folio(inode, vmf.pgoff);
        if (IS_ERR(folio))
            return PTR_ERR(folio) == -EAGAIN ? vm_fault_t.VM_FAULT_RETRY : vmf_error(PTR_ERR(folio));

        vm_fault_t ret = vm_fault_t.VM_FAULT_LOCKED;
        if (WARN_ON_ONCE(folio_test_large(folio)))
        {
            ret = vm_fault_t.VM_FAULT_SIGBUS;
            goto out_folio;
        }

        kvm_gmem_mark_prepared(inode.i_mapping, folio);
        int err = inode.kernel.direct_map.GmemHandOut(inode, folio);
        if (err != 0)
        {
            ret = vmf_error(err);
            goto out_folio;
        }

        vmf.page = folio_file_page(folio, vmf.pgoff);
        HandOverLocked(folio, to: "the fault, in vmf.page");
        return ret;

    out_folio:
        folio_unlock(folio);
        folio_put(folio);
        return ret;
    }

    private static int kvm_gmem_mmap(@file file, vm_area_struct vma)
    {
        if (!kvm_gmem_supports_mmap(file_inode(@file)))
            return -ENODEV;
        if ((vma.vm_flags & (VM_SHARED | VM_MAYSHARE)) != (VM_SHARED | VM_MAYSHARE))
            return -EINVAL;
        vma.vm_ops = kvm_gmem_vm_ops;
        return 0;
    }

    private static int kvm_gmem_migrate_folio(address_space mapping, folio dst, folio src)
    {
        WARN_ON_ONCE(true, "guest_memfd folio reached migration");
        return -EINVAL;
    }

    /// <summary>Memory failure: the guest loses the page, the file keeps it, and the next access meets the poison.</summary>
    [MightSleep]
    private static int kvm_gmem_error_folio(address_space mapping, folio folio)
    {
        inode inode = mapping.host;
        filemap_invalidate_lock_shared(inode.i_mapping);
        pgoff_t start = folio.index;
        pgoff_t end = start + (ulong)folio_nr_pages(folio);
        kvm_gmem_invalidate_begin(inode, start, end);

        // Not truncated: what happens is up to user space, which may punch the hole once it has dealt with the loss.
        kvm_gmem_invalidate_end(inode, start, end);
        filemap_invalidate_unlock_shared(inode.i_mapping);
        return MF_DELAYED;
    }

    [MustHold("folio")]
    private static void kvm_gmem_free_folio(folio folio)
    {
        Kernel kernel = folio_kernel(folio);
        var pfn = new kvm_pfn_t(folio_pfn(folio));

        // Invalidate before restore: until the page is the host's again the host must not have it mapped.
        kernel.arch.Kvm.kvm_arch_gmem_invalidate(kernel, pfn, pfn + (ulong)folio_nr_pages(folio));
        kernel.direct_map.GmemFree(folio);
    }

    private static int kvm_gmem_setattr(inode inode, in iattr attr) => -EINVAL;

    [MustCheck]
    [MightSleep]
    private static int __kvm_gmem_create(kvm kvm, long size, ulong flags)
    {
        Kernel kernel = kvm.kernel;
        int fd = get_unused_fd_flags(0);
        if (fd < 0)
            return fd;

        int err;
        if (should_fail(kernel, "gmem"))
        {
            err = -ENOMEM;
            goto err_fd;
        }

        var gmem = new gmem_file(kvm);
        ErrPtr<@file> made = anon_inode_create_getfile(kernel, "[kvm-gmem]", kvm_gmem_fops, gmem, O_RDWR);
        if (IS_ERR(made))
        {
            err = PTR_ERR(made);
            goto err_fd;
        }

        @file file = made.Value;
        file.f_flags |= O_LARGEFILE;
        inode inode = file_inode(@file);
        inode.i_private = new gmem_inode { flags = flags };
        inode.i_op = kvm_gmem_iops;
        inode.i_mapping.a_ops = kvm_gmem_aops;
        inode.i_mode |= S_IFREG;
        inode.i_size = size;
        mapping_set_gfp_mask(inode.i_mapping, GFP_HIGHUSER);
        mapping_set_inaccessible(inode.i_mapping);
        WARN_ON_ONCE(!mapping_unevictable(inode.i_mapping));
        if ((flags & GUEST_MEMFD_FLAG_NO_DIRECT_MAP) != 0)
            mapping_set_no_direct_map(inode.i_mapping);

        kvm_get_kvm(kvm);
        HandOver(kvm, to: "the file; release puts it");
        GMEM_I(inode).files.Add(gmem);
        fd_install(fd, file);
        return fd;

    err_fd:
        put_unused_fd(fd);
        return err;
    }

    [MustCheck]
    [MightSleep]
    internal static int kvm_gmem_create(kvm kvm, ref kvm_create_guest_memfd args)
    {
        long size = (long)args.size;
        ulong flags = args.flags;
        if ((flags & ~kvm_gmem_get_supported_flags(kvm.kernel, kvm)) != 0)
            return -EINVAL;
        if (size <= 0 || !PAGE_ALIGNED(size))
            return -EINVAL;
        return __kvm_gmem_create(kvm, size, flags);
    }

    /// <summary>Ties a new slot to a range of a file of the same VM.</summary>
    /// <returns>0, -EBADF, or -EINVAL for a file that is no guest_memfd of this VM, a range that does not fit, or one that is taken.</returns>
    [MustCheck]
    [MightSleep]
    [MustHold("kvm.slots_lock")]
    internal static int kvm_gmem_bind(kvm kvm, kvm_memory_slot slot, uint fd, long offset)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;

        int r = -EINVAL;
        if (file.f_op != kvm_gmem_fops)
            goto err;
        var gmem = (gmem_file)file.private_data!;
        if (gmem.kvm != kvm)
            goto err;
        inode inode = file_inode(@file);
        long size = (long)(slot.npages << PAGE_SHIFT);

        // Both sides are signed, so the sum of a range that begins just below 2^63 turns negative and passes, as it does in 6.18.
        if (offset < 0 || !PAGE_ALIGNED(offset) || unchecked(offset + size) > i_size_read(inode))
            goto err;

        filemap_invalidate_lock(inode.i_mapping);
        pgoff_t start = (ulong)offset >> PAGE_SHIFT;
        pgoff_t end = start + slot.npages;
        ulong index = start;
        if (gmem.bindings.xa_find(ref index, end - 1) is not null)
        {
            filemap_invalidate_unlock(inode.i_mapping);
            goto err;
        }

        // No synchronisation against readers is owed: the slot is not published yet.
        Volatile.Write(ref slot.gmem_file, file);
        slot.gmem_pgoff = start;
        if (kvm_gmem_supports_mmap(inode))
            slot.flags |= KVM_MEMSLOT_GMEM_ONLY;
        r = gmem.bindings.xa_store_range(start, end - 1, slot);
        if (r != 0)
            Volatile.Write(ref slot.gmem_file, null);
        filemap_invalidate_unlock(inode.i_mapping);

        // The reference goes even on success: the file pins the VM, a slot must not pin the file.
    err:
        fput(@file);
        return r;
    }

    private static void __kvm_gmem_unbind(kvm_memory_slot slot, gmem_file gmem)
    {
        pgoff_t start = slot.gmem_pgoff;
        gmem.bindings.xa_erase_range(start, start + slot.npages - 1);
        Volatile.Write(ref slot.gmem_file, null);
    }

    /// <summary>Under slots_lock, or while the VM is destroyed and nobody else can see it.</summary>
    [MightSleep]
    internal static void kvm_gmem_unbind(kvm_memory_slot slot)
    {
        // Release clears the pointer under slots_lock: a slot without file has nothing to undo.
        @file? bound = Volatile.Read(ref slot.gmem_file);
        if (bound is null)
            return;

        @file? file = kvm_gmem_get_file(slot);
        if (file is null)
        {
            // Release waits for slots_lock to do the same; it must not find this slot any more, since the slot is about to be freed.
            __kvm_gmem_unbind(slot, (gmem_file)bound.private_data!);
            return;
        }

        filemap_invalidate_lock(file.f_mapping);
        __kvm_gmem_unbind(slot, (gmem_file)file.private_data!);
        filemap_invalidate_unlock(file.f_mapping);
        fput(@file);
    }

    /// <summary>The locked folio behind an index of a slot, with a reference.</summary>
    [ErrorPointer]
    [return: ReturnsReference]
    [Acquires("return")]
    [MightSleep]
    private static folio __kvm_gmem_get_pfn(@file file, kvm_memory_slot slot, pgoff_t index, out kvm_pfn_t pfn, out int max_order)
    {
        pfn = default;
        max_order = 0;
        var gmem = (gmem_file)file.private_data!;
        @file? seen = Volatile.Read(ref slot.gmem_file);
        if (file != seen)
        {
            WARN_ON_ONCE(seen is not null);
            return Linux.folio.ERR_PTR(-EFAULT);
        }

        kvm_memory_slot? bound = gmem.bindings.xa_load(index);
        if (bound != slot)
        {
            WARN_ON_ONCE(bound is not null);
            return Linux.folio.ERR_PTR(-EIO);
        }

        folio folio = kvm_gmem_get_folio(file_inode(@file), index);
        if (IS_ERR(folio))
            return folio;
        if (folio_test_hwpoison(folio))
        {
            folio_unlock(folio);
            folio_put(folio);
            return Linux.folio.ERR_PTR(-EHWPOISON);
        }

        pfn = new kvm_pfn_t(folio_pfn(folio) + (index - folio.index));
        return folio;
    }

    /// <summary>
    /// The page behind a guest frame, zeroed, prepared and, where the file asks for it, out of the direct map.
    /// </summary>
    /// <returns>0 and a reference in <paramref name="page"/>; -EFAULT without a file, -EIO, -ENOMEM, -EHWPOISON, or the architecture's error.</returns>
    [MustCheck]
    [MightSleep]
    internal static int kvm_gmem_get_pfn(kvm kvm, kvm_memory_slot slot, gfn_t gfn, out kvm_pfn_t pfn, [ReturnsReference] out page page, out int max_order)
    {
        pgoff_t index = kvm_gmem_get_index(slot, gfn);
        pfn = default;
        page = default;
        max_order = 0;
        @file? file = kvm_gmem_get_file(slot);
        if (file is null)
            return -EFAULT;

        int r;
        folio folio = __kvm_gmem_get_pfn(file, slot, index, out pfn, out max_order);
        if (IS_ERR(folio))
        {
            r = PTR_ERR(folio);
            goto @out;
        }

        r = kvm_gmem_prepare_folio(kvm, slot, gfn, file_inode(@file), folio);
        folio_unlock(folio);
        if (r == 0)
        {
            page = folio_file_page(folio, index);
            HandOver(folio, to: "the caller, in page");
        }
        else
        {
            folio_put(folio);
        }

    @out:
        fput(@file);
        return r;
    }
}
