// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/secretmem.c, Linux 6.18; how a folio leaves the direct map is a matter of the machine's strategy.
namespace Linux;

// Lock order: mm->mmap_lock, mapping->invalidate_lock (shared by faults, exclusive by the one truncation), folio lock.
internal sealed partial class Kernel
{
    /// <summary>The one mount of secretmem; null where memfd_secret() cannot work.</summary>
    internal super_block? secretmem_mnt;

    /// <summary>Open files; negative when the count wrapped. Changed by atomic operations.</summary>
    internal int secretmem_users;
}

internal sealed partial record KernelConfig
{
    /// <summary>Boot parameter <c>secretmem.enable=</c>.</summary>
    internal bool secretmem_enable { get; init; } = true;
}

internal static class Secretmem
{
    internal const uint SECRETMEM_MODE_MASK = 0x0;
    internal const uint SECRETMEM_FLAGS_MASK = SECRETMEM_MODE_MASK;

    /// <summary>Name of the file system type.</summary>
    internal const string secretmem_fs = "secretmem";

    private const ulong SECRETMEM_MAGIC = 0x5345434d;

    internal static readonly address_space_operations secretmem_aops = new()
    {
        dirty_folio = noop_dirty_folio,
        free_folio = secretmem_free_folio,
        migrate_folio = secretmem_migrate_folio,
    };

    private static readonly vm_operations_struct secretmem_vm_ops = new() { fault = secretmem_fault };

    private static readonly file_operations secretmem_fops = new() { release = secretmem_release, mmap_prepare = secretmem_mmap_prepare };

    private static readonly inode_operations secretmem_iops = new() { setattr = secretmem_setattr };

    /// <summary>Whether any memory is secret now: then the machine cannot hibernate.</summary>
    internal static bool secretmem_active(Kernel kernel) => Volatile.Read(ref kernel.secretmem_users) != 0;

    [Releases("folio")]
    private static vm_fault_t Locked(ref vm_fault vmf, [ConsumesReference] folio folio)
    {
        vmf.page = folio_file_page(folio, vmf.pgoff);
        HandOverLocked(folio, to: "the fault, in vmf.page");
        return vm_fault_t.VM_FAULT_LOCKED;
    }

    [MightSleep]
    private static vm_fault_t secretmem_fault(ref vm_fault vmf)
    {
        inode inode = file_inode(vmf.vma.vm_file!);
        address_space mapping = inode.i_mapping;
        DirectMapStrategy strategy = inode.kernel.direct_map;
        pgoff_t offset = vmf.pgoff;
        vm_fault_t ret;
        folio folio;
        if ((long)(offset << PAGE_SHIFT) >= i_size_read(inode))
            return vmf_error(-EINVAL);

        filemap_invalidate_lock_shared(mapping);
        if (strategy.OwnsPageCache)
        {
            // The cache takes the folio out of the direct map, zeroed, before anybody can find it.
            folio = filemap_grab_folio(mapping, offset);
            if (IS_ERR(folio))
            {
                ret = vmf_error(PTR_ERR(folio));
                goto @out;
            }

            folio_mark_uptodate(folio);
            ret = Locked(ref vmf, folio);
            goto @out;
        }

    retry:
        folio = filemap_lock_folio(mapping, offset);
        if (!IS_ERR(folio))
        {
            ret = Locked(ref vmf, folio);
        }
        else
        {
            folio = folio_alloc(vmf.gfp_mask | __GFP_ZERO, 0);
            if (folio.IS_NULL)
            {
                ret = vm_fault_t.VM_FAULT_OOM;
                goto @out;
            }

            int err = strategy.SecretmemZap(folio);
            if (err != 0)
            {
                folio_put(folio);
                ret = vmf_error(err);
                goto @out;
            }

            folio_mark_uptodate(folio);
            err = filemap_add_folio(mapping, folio, offset, vmf.gfp_mask);
            if (err != 0)
            {
                // Back into the direct map while the folio is still ours: after the put another CPU may allocate it.
                strategy.SecretmemRestore(folio);
                folio_put(folio);
                if (err == -EEXIST)
                    goto retry;
                ret = vmf_error(err);
                goto @out;
            }

            strategy.SecretmemAdded(inode, folio);
            ret = Locked(ref vmf, folio);
        }

    @out:
        filemap_invalidate_unlock_shared(mapping);
        return ret;
    }

    private static int secretmem_release(inode inode, @file file)
    {
        Interlocked.Decrement(ref inode.kernel.secretmem_users);
        return 0;
    }

    [MustHold("desc.mm.mmap_lock")]
    private static int secretmem_mmap_prepare(vm_area_desc desc)
    {
        ulong len = desc.end - desc.start;
        if ((desc.vm_flags & (VM_SHARED | VM_MAYSHARE)) == 0)
            return -EINVAL;
        if (!mlock_future_ok(desc.mm, desc.vm_flags | VM_LOCKED, len))
            return -EAGAIN;
        desc.vm_flags |= VM_LOCKED | VM_DONTDUMP;
        desc.vm_ops = secretmem_vm_ops;
        return 0;
    }

    internal static bool vma_is_secretmem(vm_area_struct vma) => ReferenceEquals(vma.vm_ops, secretmem_vm_ops);

    private static int secretmem_migrate_folio(address_space mapping, folio dst, folio src) => -EBUSY;

    private static void secretmem_free_folio(folio folio)
    {
        if (folio_kernel(folio).direct_map.OwnsPageCache)
            return;

        // Restored first: the contents are zeroed through the direct map. The split is done, so this cannot fail.
        int err = set_direct_map_default_noflush(folio_address(folio));
        WARN_ON_ONCE(err != 0);
        folio_zero_segment(folio, 0, folio_size(folio));
        DirectMapStrategy.Unprotect(folio);
    }

    /// <summary>The size can be set once, from 0.</summary>
    [MightSleep]
    private static int secretmem_setattr(inode inode, in iattr iattr)
    {
        address_space mapping = inode.i_mapping;
        filemap_invalidate_lock(mapping);
        int ret = (iattr.ia_valid & ATTR_SIZE) != 0 && inode.i_size != 0 ? -EINVAL : simple_setattr(inode, in iattr);
        filemap_invalidate_unlock(mapping);
        return ret;
    }

    [ErrorPointer]
    [return: ReturnsReference]
    private static ErrPtr<@file> secretmem_file_create(Kernel kernel)
    {
        ErrPtr<inode> made = anon_inode_make_secure_inode(kernel, kernel.secretmem_mnt!, "[secretmem]", null);
        if (IS_ERR(made))
            return ERR_PTR<@file>(PTR_ERR(made));
        inode inode = made.Value;
        ErrPtr<@file> file = alloc_file_pseudo(inode, "/secretmem (deleted)", O_RDWR | O_LARGEFILE, secretmem_fops);
        if (IS_ERR(file))
        {
            iput(inode);
            return file;
        }

        mapping_set_gfp_mask(inode.i_mapping, GFP_HIGHUSER);
        mapping_set_unevictable(inode.i_mapping);
        mapping_set_no_direct_map(inode.i_mapping);
        inode.i_op = secretmem_iops;
        inode.i_mapping.a_ops = secretmem_aops;
        inode.i_mode |= S_IFREG;
        inode.i_size = 0;
        Interlocked.Increment(ref kernel.secretmem_users);
        return file;
    }

    /// <summary>The system call: a descriptor for memory that the kernel itself cannot reach.</summary>
    /// <returns>The descriptor; -ENOSYS where that cannot be had, -EINVAL, -ENFILE, -EMFILE, -ENOMEM.</returns>
    [MustCheck]
    [MightSleep]
    internal static int memfd_secret(uint flags)
    {
        Kernel kernel = current.kernel;
        if (!kernel.config.secretmem_enable || !can_set_direct_map(kernel))
            return -ENOSYS;
        if ((flags & ~(SECRETMEM_FLAGS_MASK | O_CLOEXEC)) != 0)
            return -EINVAL;
        if (Volatile.Read(ref kernel.secretmem_users) < 0)
            return -ENFILE;
        int fd = get_unused_fd_flags(flags & O_CLOEXEC);
        if (fd < 0)
            return fd;
        ErrPtr<@file> file = secretmem_file_create(kernel);
        if (IS_ERR(file))
        {
            put_unused_fd(fd);
            return PTR_ERR(file);
        }

        fd_install(fd, file.Value);
        return fd;
    }

    /// <summary>No file of the file system may be executed.</summary>
    private static super_block secretmem_init_fs_context() => new() { s_type = secretmem_fs, s_magic = SECRETMEM_MAGIC, s_iflags_noexec = true };

    internal static int secretmem_init(Kernel kernel)
    {
        if (kernel.config.secretmem_enable && can_set_direct_map(kernel))
            kernel.secretmem_mnt = secretmem_init_fs_context();
        return 0;
    }
}
