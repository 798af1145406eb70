// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/shmem.c, Linux 6.18.
namespace Linux;

/// <summary>What tmpfs keeps beside the page cache.</summary>
internal sealed class shmem_inode_info
{
    /// <summary>F_SEAL_*. Changed under i_rwsem held for writing.</summary>
    internal uint seals = Memfd.F_SEAL_SEAL;

    /// <summary>Bytes below which fallocate has made blocks that truncation up must not free.</summary>
    internal pgoff_t fallocend;

    /// <summary>Where pages are to come from, by offset in the file: every mapping of it sees the same.</summary>
    internal readonly shared_policy policy = new();

    /// <summary>Pages that were charged when the file was made, for shared anonymous memory.</summary>
    internal long promised;
}

internal sealed partial class Kernel
{
    /// <summary>The kernel's own mount of tmpfs, home of memfds and shared anonymous memory.</summary>
    internal readonly super_block shm_mnt = new() { s_type = "tmpfs", s_magic = MagicH.TMPFS_MAGIC, s_op = Shmem.shmem_ops, s_xattr = true };

    /// <summary>A disk's file system, only as deep as user space can tell without looking at the disk.</summary>
    internal readonly super_block disk_mnt = new() { s_type = "ext4", s_magic = MagicH.EXT4_SUPER_MAGIC, s_op = Shmem.shmem_ops, s_xattr = true, s_maxbytes = (16L << 40) - (long)PAGE_SIZE };
}

/// <summary>
/// tmpfs: files whose page cache is all there is. Files "on a disk" are the same with another name and without seals; nothing is ever written
/// back, so what only a disk could tell is not modelled.
/// </summary>
internal static class Shmem
{
    internal static readonly super_operations shmem_ops = new() { evict_inode = shmem_evict_inode };

    private const ulong BLOCKS_PER_PAGE = PAGE_SIZE / 512;

    private static readonly file_operations shmem_file_operations = new()
    {
        open = static (_, file) =>
        {
            SetCapabilities(file);

            // Direct I/O on memory is a copy, which open(2) allows.
            file.f_mode |= FMODE_CAN_ODIRECT;
            return 0;
        },
        llseek = shmem_file_llseek,
        read_iter = shmem_file_read_iter,
        write_iter = shmem_file_write_iter,
        splice_read = shmem_file_read_iter,
        splice_write = shmem_file_write_iter,
        fsync = static (_, _, _, _) => 0,
        mmap = shmem_mmap,
        fallocate = shmem_fallocate,
    };

    private static readonly inode_operations shmem_inode_operations = new() { setattr = shmem_setattr };

    private enum sgp_type
    {
        /// <summary>Contents are wanted.</summary>
        SGP_CACHE,

        /// <summary>A place is wanted; it stays a hole until somebody writes or maps it.</summary>
        SGP_FALLOC,
    }

    private static readonly address_space_operations shmem_aops = new() { dirty_folio = noop_dirty_folio };

    private static readonly vm_operations_struct shmem_vm_ops = new()
    {
        fault = shmem_fault,
        map_pages = filemap_map_pages,
        set_policy = shmem_set_policy,
        get_policy = shmem_get_policy,
    };

    /// <summary>A disk's file hears of the first write to each page, for the page must get there.</summary>
    private static readonly vm_operations_struct disk_vm_ops = new() { fault = shmem_fault, map_pages = disk_map_pages, page_mkwrite = static (ref vm_fault _) => vm_fault_t.NONE };

    internal static bool vma_is_shmem(vm_area_struct vma) => vma.vm_ops == shmem_vm_ops;

    internal static bool shmem_file(@file file) => shmem_mapping(file.f_mapping);

    internal static bool shmem_mapping(address_space mapping) => mapping.a_ops == shmem_aops && !OnDisk(mapping.host);

    private static bool OnDisk(inode inode) => inode.i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC;

    internal static shmem_inode_info SHMEM_I(inode inode) => (shmem_inode_info)inode.i_private!;

    /// <summary>An unlinked file of the given size.</summary>
    [ErrorPointer]
    [return: ReturnsReference]
    internal static ErrPtr<@file> shmem_file_setup(super_block sb, Kernel kernel, string name, long size)
    {
        if (size < 0)
            return ERR_PTR<@file>(-EINVAL);
        inode? inode = new_inode(kernel, sb);
        if (inode is null)
            return ERR_PTR<@file>(-ENOMEM);
        task_struct task = current;
        inode.i_mode = S_IFREG | 0x1FF;
        inode.i_uid = task.fsuid;
        inode.i_gid = task.fsgid;
        inode.i_nlink = 0;
        inode.i_size = size;
        inode.i_private = new shmem_inode_info();
        inode.i_op = shmem_inode_operations;
        inode.i_fop = shmem_file_operations;
        inode.i_mapping.a_ops = shmem_aops;
        mapping_set_gfp_mask(inode.i_mapping, GFP_HIGHUSER_MOVABLE);
        ErrPtr<@file> file = alloc_file_pseudo(inode, name, O_RDWR, shmem_file_operations);
        if (IS_ERR(file))
            iput(inode);
        else
            HandOver(inode, to: "the file");
        return file;
    }

    /// <summary>Backing of a shared anonymous mapping.</summary>
    [MustCheck]
    internal static int shmem_zero_setup(vm_area_struct vma)
    {
        mm_struct mm = vma.vm_mm;
        long size = (long)(vma.vm_end - vma.vm_start);
        long promised = (vma.vm_flags & VM_NORESERVE) != 0 ? 0 : size >> PAGE_SHIFT;
        if (promised != 0 && security_vm_enough_memory_mm(mm, promised) != 0)
            return -ENOMEM;
        ErrPtr<@file> file = shmem_file_setup(mm.kernel.shm_mnt, mm.kernel, "/dev/zero (deleted)", size);
        if (IS_ERR(file))
        {
            vm_unacct_memory(mm.kernel, promised);
            return PTR_ERR(file);
        }

        SHMEM_I(file_inode(file.Value)).promised = promised;
        vma.vm_file = file.Value;
        vma.vm_ops = shmem_vm_ops;
        return 0;
    }

    /// <summary>What open(2) would have set: positions, and direct I/O where there is a disk.</summary>
    internal static void SetCapabilities(@file file)
    {
        file.f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_OPENED;
        if ((file.f_mode & FMODE_READ) != 0)
            file.f_mode |= FMODE_CAN_READ;
        if ((file.f_mode & FMODE_WRITE) != 0)
            file.f_mode |= FMODE_CAN_WRITE;
        if (file_inode(file).i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC)
            file.f_mode |= FMODE_CAN_ODIRECT;
    }

    private static void shmem_evict_inode(inode inode)
    {
        truncate_inode_pages_final(inode.i_data);
        vm_unacct_memory(inode.kernel, SHMEM_I(inode).promised);
    }

    /// <summary>The locked folio at the index, made on demand; uptodate unless only a place for it was asked for.</summary>
    [ErrorPointer]
    [return: ReturnsReference]
    [Acquires("return")]
    [MightSleep]
    private static folio shmem_get_folio(inode inode, pgoff_t index, sgp_type sgp = sgp_type.SGP_CACHE)
    {
        folio folio = filemap_grab_folio(inode.i_mapping, index);
        if (IS_ERR(folio))
            return folio;
        if (folio_test_uptodate(folio))
            return folio;
        shmem_recalc_inode(inode);
        if (sgp == sgp_type.SGP_FALLOC)
            return folio;
        clear_highpage(folio.page);
        folio_mark_uptodate(folio);
        return folio;
    }

    private static void shmem_recalc_inode(inode inode) => Volatile.Write(ref inode.i_blocks, Volatile.Read(ref inode.i_mapping.nrpages) * BLOCKS_PER_PAGE);

    [MightSleep]
    private static vm_fault_t shmem_fault(ref vm_fault vmf)
    {
        inode inode = file_inode(vmf.vma.vm_file!);
        if (vmf.pgoff >= ((ulong)i_size_read(inode) + PAGE_SIZE - 1) >> PAGE_SHIFT)
            return vm_fault_t.VM_FAULT_SIGBUS;
        if (OnDisk(inode))
            do_sync_mmap_readahead(inode, vmf.vma, vmf.pgoff);
        folio folio = shmem_get_folio(inode, vmf.pgoff);
        if (IS_ERR(folio))
            return vmf_error(PTR_ERR(folio));

        // A truncation between the test and the lock has taken the folio out again.
        if (vmf.pgoff >= ((ulong)i_size_read(inode) + PAGE_SIZE - 1) >> PAGE_SHIFT)
        {
            folio_unlock(folio);
            folio_put(folio);
            return vm_fault_t.VM_FAULT_SIGBUS;
        }

        vmf.page = folio_file_page(folio, vmf.pgoff);
        HandOverLocked(folio, to: "the fault, in vmf.page");
        return vm_fault_t.VM_FAULT_LOCKED;
    }

    /// <summary>A read fault that had to wait for the disk is made again, and then finds around it what came along.</summary>
    [MightSleep]
    private static vm_fault_t disk_map_pages(ref vm_fault vmf, pgoff_t start_pgoff, pgoff_t end_pgoff)
    {
        inode inode = file_inode(vmf.vma.vm_file!);
        if (vmf.pgoff < ((ulong)i_size_read(inode) + PAGE_SIZE - 1) >> PAGE_SHIFT)
            do_sync_mmap_readahead(inode, vmf.vma, vmf.pgoff);
        return filemap_map_pages(ref vmf, start_pgoff, end_pgoff);
    }

    /// <summary>A fault on what a disk would have to bring brings what lies around it, too.</summary>
    [MightSleep]
    private static void do_sync_mmap_readahead(inode inode, vm_area_struct vma, pgoff_t pgoff)
    {
        const ulong ra_pages = 32;
        if ((vma.vm_flags & VM_RAND_READ) != 0 || filemap_range_has_page(inode.i_mapping, (long)(pgoff << PAGE_SHIFT), (long)(pgoff << PAGE_SHIFT)))
            return;
        ulong start = pgoff - Math.Min(pgoff, ra_pages / 2);
        ulong end = Math.Min(start + ra_pages, ((ulong)i_size_read(inode) + PAGE_SIZE - 1) >> PAGE_SHIFT);
        for (ulong index = start; index < end; index++)
        {
            folio folio = shmem_get_folio(inode, index);
            if (IS_ERR(folio))
                return;
            folio_unlock(folio);
            folio_put(folio);
        }
    }

    private static int shmem_mmap(@file file, vm_area_struct vma)
    {
        // A disk's file system promises synchronous faults only where the disk is memory.
        if ((vma.vm_flags & VM_SYNC) != 0 && file_inode(file).i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC)
            return -EOPNOTSUPP;
        uint seals = SHMEM_I(file_inode(file)).seals;
        if ((seals & (Memfd.F_SEAL_WRITE | Memfd.F_SEAL_FUTURE_WRITE)) != 0 && (vma.vm_flags & VM_SHARED) != 0)
        {
            if ((vma.vm_flags & VM_WRITE) != 0)
                return -EPERM;
            vma.vm_flags &= ~VM_MAYWRITE;
        }

        vma.vm_ops = OnDisk(file_inode(file)) ? disk_vm_ops : shmem_vm_ops;
        return 0;
    }

    /// <summary>A policy of a mapped file is the file's.</summary>
    private static int shmem_set_policy(vm_area_struct vma, mempolicy? mpol) => mpol_set_shared_policy(SHMEM_I(file_inode(vma.vm_file!)).policy, vma, mpol);

    private static mempolicy? shmem_get_policy(vm_area_struct vma, ulong addr, out pgoff_t ilx)
    {
        ilx = vma.vm_pgoff + ((addr - vma.vm_start) >> PAGE_SHIFT);
        return mpol_shared_policy_lookup(SHMEM_I(file_inode(vma.vm_file!)).policy, ilx);
    }

    private static nint shmem_file_read_iter(@file file, Span<byte> buffer, ref long pos)
    {
        inode inode = file_inode(file);
        int done = 0;
        while (done < buffer.Length)
        {
            long left = i_size_read(inode) - pos;
            if (left <= 0)
                break;
            ulong offset = (ulong)pos & (PAGE_SIZE - 1);
            int n = (int)Math.Min(Math.Min((long)(PAGE_SIZE - offset), left), buffer.Length - done);
            folio folio = filemap_lock_folio(inode.i_mapping, (ulong)pos >> PAGE_SHIFT);
            if (IS_ERR(folio))
            {
                // A hole reads as zeroes and stays a hole.
                buffer.Slice(done, n).Clear();
            }
            else
            {
                if (folio_test_uptodate(folio))
                    memcpy_from_folio(buffer.Slice(done, n), folio, offset);
                else
                    buffer.Slice(done, n).Clear();
                folio_unlock(folio);
                folio_put(folio);
            }

            done += n;
            pos += n;
        }

        return done;
    }

    private static nint shmem_file_write_iter(@file file, ReadOnlySpan<byte> buffer, ref long pos)
    {
        if (buffer.Length == 0)
            return 0;
        inode inode = file_inode(file);
        down_write(inode.i_rwsem);
        nint done = 0;
        uint seals = SHMEM_I(inode).seals;
        if ((file.f_flags & O_APPEND) != 0)
            pos = i_size_read(inode);
        if ((seals & (Memfd.F_SEAL_WRITE | Memfd.F_SEAL_FUTURE_WRITE)) != 0 ||
            ((seals & Memfd.F_SEAL_GROW) != 0 && pos + buffer.Length > i_size_read(inode)))
        {
            done = -EPERM;
            goto @out;
        }

        while (done < buffer.Length)
        {
            ulong offset = (ulong)pos & (PAGE_SIZE - 1);
            int n = (int)Math.Min((long)(PAGE_SIZE - offset), buffer.Length - done);
            folio folio = shmem_get_folio(inode, (ulong)pos >> PAGE_SHIFT);
            if (IS_ERR(folio))
            {
                done = done != 0 ? done : PTR_ERR(folio);
                break;
            }

            memcpy_to_folio(folio, offset, buffer.Slice((int)done, n));
            folio_unlock(folio);
            folio_put(folio);
            done += n;
            pos += n;
            if (pos > i_size_read(inode))
                i_size_write(inode, pos);
        }

    @out:
        up_write(inode.i_rwsem);
        return done;
    }

    private static long shmem_file_llseek(@file file, long offset, int whence)
    {
        if (whence is not (SEEK_DATA or SEEK_HOLE))
            return generic_file_llseek(file, offset, whence);
        inode inode = file_inode(file);
        if (offset < 0)
            return -ENXIO;
        down_write(inode.i_rwsem);
        offset = mapping_seek_hole_data(inode.i_mapping, offset, i_size_read(inode), whence == SEEK_DATA);
        if (offset >= 0)
            file.f_pos = offset;
        up_write(inode.i_rwsem);
        return offset;
    }

    [MightSleep]
    private static long shmem_fallocate(@file file, int mode, long offset, long len)
    {
        if ((mode & ~(FallocH.FALLOC_FL_KEEP_SIZE | FallocH.FALLOC_FL_PUNCH_HOLE)) != 0)
            return -EOPNOTSUPP;
        inode inode = file_inode(file);
        shmem_inode_info info = SHMEM_I(inode);
        long error = 0;
        down_write(inode.i_rwsem);
        if ((mode & FallocH.FALLOC_FL_PUNCH_HOLE) != 0)
        {
            if ((info.seals & (Memfd.F_SEAL_WRITE | Memfd.F_SEAL_FUTURE_WRITE)) != 0)
                error = -EPERM;
            else
                Punch(inode, offset, len);
            goto @out;
        }

        if ((mode & FallocH.FALLOC_FL_KEEP_SIZE) == 0 && offset + len > i_size_read(inode) && (info.seals & Memfd.F_SEAL_GROW) != 0)
        {
            error = -EPERM;
            goto @out;
        }

        ulong end = ((ulong)(offset + len) + PAGE_SIZE - 1) >> PAGE_SHIFT;
        if (end - ((ulong)offset >> PAGE_SHIFT) > (ulong)totalram_pages(inode.kernel))
        {
            error = -ENOSPC;
            goto @out;
        }

        for (ulong index = (ulong)offset >> PAGE_SHIFT; index < end; index++)
        {
            if (signal_pending(current))
            {
                error = -EINTR;
                goto @out;
            }

            folio folio = shmem_get_folio(inode, index, sgp_type.SGP_FALLOC);
            if (IS_ERR(folio))
            {
                error = PTR_ERR(folio);
                goto @out;
            }

            folio_unlock(folio);
            folio_put(folio);
        }

        if ((mode & FallocH.FALLOC_FL_KEEP_SIZE) == 0 && offset + len > i_size_read(inode))
            i_size_write(inode, offset + len);
    @out:
        up_write(inode.i_rwsem);
        return error;
    }

    [MustHold("inode.i_rwsem")]
    private static void Punch(inode inode, long offset, long len)
    {
        truncate_inode_pages_range(inode.i_mapping, offset, offset + len - 1);
        shmem_recalc_inode(inode);
    }

    [MustHold("inode.i_rwsem")]
    private static int shmem_setattr(inode inode, in iattr attr)
    {
        uint seals = SHMEM_I(inode).seals;
        if ((seals & Memfd.F_SEAL_EXEC) != 0 && (attr.ia_valid & ATTR_MODE) != 0 && ((inode.i_mode ^ attr.ia_mode) & S_IXUGO) != 0)
            return -EPERM;
        if ((attr.ia_valid & ATTR_SIZE) != 0)
        {
            long oldsize = i_size_read(inode);
            if ((attr.ia_size < oldsize && (seals & Memfd.F_SEAL_SHRINK) != 0) || (attr.ia_size > oldsize && (seals & Memfd.F_SEAL_GROW) != 0))
                return -EPERM;
            truncate_setsize(inode, attr.ia_size);
            shmem_recalc_inode(inode);
        }

        setattr_copy(inode, in attr);
        return 0;
    }
}
