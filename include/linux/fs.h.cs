// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/fs.h, Linux 6.18.
namespace Linux;

internal delegate long llseek_t(@file file, long offset, int whence);

internal delegate nint read_t(@file file, ulong buf, ulong count, ref long pos);

internal delegate nint write_t(@file file, ulong buf, ulong count, ref long pos);

internal delegate long unlocked_ioctl_t(@file file, uint cmd, ulong arg);

internal delegate int file_mmap_t(@file file, vm_area_struct vma);

[MustHold("desc.mm.mmap_lock")]
internal delegate int mmap_prepare_t(vm_area_desc desc);

internal delegate int release_t(inode inode, @file file);

internal delegate int open_t(inode inode, @file file);

internal delegate int fsync_t(@file file, long start, long end, int datasync);

internal delegate long fallocate_t(@file file, int mode, long offset, long len);

internal delegate uint poll_t(@file file);

internal delegate int flush_t(@file file);

/// <summary>Kernel-side read and write of a file's contents, used by splice, sendfile and direct copies.</summary>
internal delegate nint kernel_read_t(@file file, Span<byte> buffer, ref long pos);

internal delegate nint kernel_write_t(@file file, ReadOnlySpan<byte> buffer, ref long pos);

/// <summary>Table of a file type's functions; a null entry is a function the type does not have, as a NULL pointer is in C.</summary>
internal sealed class file_operations
{
    internal string owner { get; init; } = "vmlinux";

    internal llseek_t? llseek { get; init; }

    internal read_t? read { get; init; }

    internal write_t? write { get; init; }

    internal kernel_read_t? read_iter { get; init; }

    internal kernel_write_t? write_iter { get; init; }

    internal kernel_read_t? splice_read { get; init; }

    internal kernel_write_t? splice_write { get; init; }

    internal unlocked_ioctl_t? unlocked_ioctl { get; init; }

    internal file_mmap_t? mmap { get; init; }

    /// <summary>Decides about a mapping before its area exists, so that it can merge; instead of <see cref="mmap"/>.</summary>
    internal mmap_prepare_t? mmap_prepare { get; init; }

    internal open_t? open { get; init; }

    internal flush_t? flush { get; init; }

    internal release_t? release { get; init; }

    internal fsync_t? fsync { get; init; }

    internal fallocate_t? fallocate { get; init; }

    internal poll_t? poll { get; init; }
}

[MustHold("inode.i_rwsem")]
internal delegate int setattr_t(inode inode, in iattr attr);

internal delegate int getattr_t(inode inode, ref kstat stat);

internal delegate nint listxattr_t(inode inode, Span<byte> buffer);

internal sealed class inode_operations
{
    internal setattr_t? setattr { get; init; }

    internal getattr_t? getattr { get; init; }

    internal listxattr_t? listxattr { get; init; }
}

internal delegate bool dirty_folio_t(address_space mapping, folio folio);

internal delegate int migrate_folio_t(address_space mapping, folio dst, folio src);

internal delegate void invalidate_folio_t(folio folio, ulong offset, ulong len);

internal delegate bool release_folio_t(folio folio, gfp_t gfp);

[MustHold("folio")]
internal delegate void free_folio_t(folio folio);

internal delegate int error_remove_folio_t(address_space mapping, folio folio);

internal sealed class address_space_operations
{
    internal dirty_folio_t? dirty_folio { get; init; }

    internal migrate_folio_t? migrate_folio { get; init; }

    internal invalidate_folio_t? invalidate_folio { get; init; }

    internal release_folio_t? release_folio { get; init; }

    /// <summary>Called after the folio left the page cache and before its references are dropped; must not use the mapping.</summary>
    internal free_folio_t? free_folio { get; init; }

    internal error_remove_folio_t? error_remove_folio { get; init; }
}

internal delegate void evict_inode_t(inode inode);

internal delegate void inode_fn_t(inode inode);

internal sealed class super_operations
{
    internal inode_fn_t? evict_inode { get; init; }

    internal inode_fn_t? destroy_inode { get; init; }

    internal inode_fn_t? free_inode { get; init; }
}

/// <summary>A mounted file system instance.</summary>
internal sealed partial class super_block
{
    internal required string s_type { get; init; }

    internal ulong s_magic { get; init; }

    internal uint s_blocksize { get; init; } = 4096;

    internal uint s_namelen { get; init; } = 255;

    /// <summary>Largest size of a file, in bytes.</summary>
    internal long s_maxbytes { get; init; } = long.MaxValue;

    internal super_operations s_op { get; init; } = new();

    /// <summary>File systems that keep extended attributes: the security, trusted and user namespaces, and access control lists.</summary>
    internal bool s_xattr { get; init; }

    /// <summary>SB_I_NOEXEC: mappings of its files must not be executable.</summary>
    internal bool s_iflags_noexec { get; init; }

    internal long next_ino;
}

/// <summary>Attributes to change, with the ATTR_* mask of those that are meant.</summary>
internal struct iattr
{
    internal uint ia_valid;
    internal uint ia_mode;
    internal uint ia_uid;
    internal uint ia_gid;
    internal long ia_size;
    internal @file? ia_file;
}

internal struct kstat
{
    internal ulong ino;
    internal uint mode;
    internal uint nlink;
    internal uint uid;
    internal uint gid;
    internal long size;
    internal uint blksize;
    internal ulong blocks;
}

/// <summary>The page cache of one inode.</summary>
internal sealed partial class address_space
{
    internal address_space(inode host)
    {
        this.host = host;
        kernel = host.kernel;
        i_pages = new xarray(kernel, "&xa->xa_lock");
        invalidate_lock = new rw_semaphore("mapping.invalidate_lock");
        i_mmap_rwsem = new rw_semaphore("&mapping->i_mmap_rwsem");
        Id = kernel.mappings.Add(this);
    }

    internal readonly Kernel kernel;

    /// <summary>Name of this mapping in <c>folio.mapping</c>; 0 after the mapping died.</summary>
    internal uint Id;

    internal readonly inode host;

    /// <summary>Folios by page index. Entries change under its lock; lookups are lockless (RCU).</summary>
    internal readonly xarray i_pages;

    /// <summary>Held shared while folios are brought in by faults, exclusively while a range is taken out.</summary>
    [AcquiredBefore(nameof(i_mmap_rwsem))]
    internal readonly rw_semaphore invalidate_lock;

    /// <summary>Protects the list of areas that map this file.</summary>
    internal readonly rw_semaphore i_mmap_rwsem;

    /// <summary>Areas that map this file. Changed under i_mmap_rwsem.</summary>
    [GuardedBy(nameof(i_mmap_rwsem))]
    internal readonly List<vm_area_struct> i_mmap = [];

    /// <summary>Areas that may write to the file, and attempts to; negative while writing is denied for good. Atomic.</summary>
    internal int i_mmap_writable;

    internal gfp_t gfp_mask = GFP_HIGHUSER_MOVABLE;

    /// <summary>AS_* bits, changed by atomic operations.</summary>
    internal ulong flags;

    /// <summary>Pages in the cache. Changed under the lock of i_pages.</summary>
    [GuardedBy("i_pages.xa_lock")]
    internal ulong nrpages;

    internal address_space_operations a_ops = new();

    /// <summary>Owner's word: secretmem and guest_memfd keep nothing here in 6.18 but the list of files (guest_memfd).</summary>
    internal object? i_private_data;
}

/// <summary>An inode. Counted: <c>ihold</c>/<c>iput</c>.</summary>
[RefCounted("ihold", "iput")]
internal sealed partial class inode
{
    internal inode(Kernel kernel, super_block sb)
    {
        this.kernel = kernel;
        i_sb = sb;
        i_ino = (ulong)Interlocked.Increment(ref sb.next_ino);
        i_rwsem = new rw_semaphore("&sb->s_type->i_mutex_key");
        i_lock = new spinlock_t("&inode->i_lock");
        i_data = new address_space(this);
        i_mapping = i_data;
    }

    internal readonly Kernel kernel;
    internal readonly super_block i_sb;
    internal readonly ulong i_ino;
    internal readonly rw_semaphore i_rwsem;
    internal readonly spinlock_t i_lock;
    internal readonly address_space i_data;
    internal address_space i_mapping;
    internal uint i_mode;
    internal uint i_uid;
    internal uint i_gid;
    internal uint i_nlink = 1;

    /// <summary>Bytes. Written under i_rwsem or, by the owners modelled here, invalidate_lock; read by i_size_read().</summary>
    internal long i_size;

    internal ulong i_blocks;
    internal int i_count = 1;
    internal inode_operations i_op = new();
    internal file_operations i_fop = new();
    internal object? i_private;
    internal ulong i_version;

    /// <summary>S_ANON_INODE: made by an anonymous-inode helper; generic requests about sizes do not apply.</summary>
    internal bool IS_ANON_FILE;
}

/// <summary>An open file. Counted: <c>get_file</c>/<c>fput</c>.</summary>
[RefCounted("get_file", "fput")]
internal sealed partial class @file
{
    internal @file(Kernel kernel, inode inode, file_operations fops, uint mode, uint flags, string name)
    {
        this.kernel = kernel;
        f_inode = inode;
        f_mapping = inode.i_mapping;
        f_op = fops;
        f_mode = mode;
        f_flags = flags;
        this.name = name;
    }

    internal readonly Kernel kernel;

    internal readonly inode f_inode;
    internal readonly address_space f_mapping;
    internal readonly file_operations f_op;
    internal uint f_mode;
    internal uint f_flags;
    internal long f_pos;

    /// <summary>Signal that announces readiness, as F_SETSIG chose it; 0 for SIGIO.</summary>
    internal int f_owner_signum;

    /// <summary>References: descriptors, areas, transient users. 0 is dying.</summary>
    internal long f_ref = 1;

    internal object? private_data;

    /// <summary>What /proc/self/fd shows.</summary>
    internal readonly string name;
}
