// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/open.c, Linux 6.18.
namespace Linux;

internal static class Open
{
    private const int FALLOC_FL_MODE_MASK = FallocH.FALLOC_FL_PUNCH_HOLE | FallocH.FALLOC_FL_COLLAPSE_RANGE | FallocH.FALLOC_FL_ZERO_RANGE |
        FallocH.FALLOC_FL_INSERT_RANGE | FallocH.FALLOC_FL_UNSHARE_RANGE | FallocH.FALLOC_FL_WRITE_ZEROES;

    private const int FALLOC_FL_SUPPORTED_MASK = FallocH.FALLOC_FL_KEEP_SIZE | FALLOC_FL_MODE_MASK;

    /// <summary>Checks everything that no file type decides for itself, in the order in which user space can tell it.</summary>
    [MustCheck]
    [MightSleep]
    internal static int vfs_fallocate(@file file, int mode, long offset, long len)
    {
        if (offset < 0 || len <= 0)
            return -EINVAL;
        if ((mode & ~FALLOC_FL_SUPPORTED_MASK) != 0)
            return -EOPNOTSUPP;

        switch (mode & FALLOC_FL_MODE_MASK)
        {
            case FallocH.FALLOC_FL_ALLOCATE_RANGE:
            case FallocH.FALLOC_FL_UNSHARE_RANGE:
            case FallocH.FALLOC_FL_ZERO_RANGE:
                break;
            case FallocH.FALLOC_FL_PUNCH_HOLE:
                if ((mode & FallocH.FALLOC_FL_KEEP_SIZE) == 0)
                    return -EOPNOTSUPP;
                break;
            case FallocH.FALLOC_FL_COLLAPSE_RANGE:
            case FallocH.FALLOC_FL_INSERT_RANGE:
            case FallocH.FALLOC_FL_WRITE_ZEROES:
                if ((mode & FallocH.FALLOC_FL_KEEP_SIZE) != 0)
                    return -EOPNOTSUPP;
                break;
            default:
                return -EOPNOTSUPP;
        }

        if ((file.f_mode & FMODE_WRITE) == 0)
            return -EBADF;
        uint type = file_inode(@file).i_mode & S_IFMT;
        if (type == S_IFIFO)
            return -ESPIPE;
        if (type == S_IFDIR)
            return -EISDIR;
        if (type != S_IFREG)
            return -ENODEV;
        if (offset > file_inode(@file).i_sb.s_maxbytes - len)
            return -EFBIG;
        return file.f_op.fallocate is { } fallocate ? (int)fallocate(file, mode, offset, len) : -EOPNOTSUPP;
    }

    [MustCheck]
    [MightSleep]
    internal static int sys_fallocate(int fd, int mode, long offset, long len)
    {
        @file? file = fget((uint)fd);
        if (file is null)
            return -EBADF;
        int error = vfs_fallocate(file, mode, offset, len);
        fput(@file);
        return error;
    }

    [MustCheck]
    [MightSleep]
    internal static int do_truncate(inode inode, long length, uint time_attrs, @file? filp)
    {
        if (length < 0)
            return -EINVAL;
        var newattrs = new iattr { ia_size = length, ia_valid = ATTR_SIZE | time_attrs, ia_file = filp };
        if (filp is not null)
            newattrs.ia_valid |= ATTR_FILE;
        down_write(inode.i_rwsem);
        int ret = notify_change(inode, ref newattrs);
        up_write(inode.i_rwsem);
        return ret;
    }

    [MustCheck]
    [MightSleep]
    internal static int do_ftruncate(@file file, long length)
    {
        inode inode = file_inode(@file);
        if ((inode.i_mode & S_IFMT) != S_IFREG || (file.f_mode & FMODE_WRITE) == 0)
            return -EINVAL;
        return do_truncate(inode, length, ATTR_MTIME | ATTR_CTIME, file);
    }

    [MustCheck]
    [MightSleep]
    internal static int sys_ftruncate(uint fd, long length)
    {
        if (length < 0)
            return -EINVAL;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        int error = do_ftruncate(file, length);
        fput(@file);
        return error;
    }

    [MustCheck]
    [MightSleep]
    internal static int sys_fchmod(uint fd, uint mode) => SetAttributes(fd, new iattr { ia_valid = ATTR_MODE | ATTR_CTIME, ia_mode = mode });

    /// <summary>A change of owner takes the set-user and set-group bits away from an executable file. -1 leaves an id as it is.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_fchown(uint fd, uint user, uint group)
    {
        const uint S_ISUID = 0x800;
        const uint S_ISGID = 0x400;
        const uint S_IXGRP = 0x8;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        inode inode = file_inode(file);
        var attr = new iattr { ia_valid = ATTR_CTIME, ia_uid = user, ia_gid = group };
        if (user != uint.MaxValue)
            attr.ia_valid |= ATTR_UID;
        if (group != uint.MaxValue)
            attr.ia_valid |= ATTR_GID;
        down_write(inode.i_rwsem);
        uint drop = inode.i_mode & S_ISUID;
        if ((inode.i_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
            drop |= S_ISGID;
        if (drop != 0)
        {
            attr.ia_valid |= ATTR_MODE;
            attr.ia_mode = inode.i_mode & ~drop;
        }

        int error = notify_change(inode, ref attr);
        up_write(inode.i_rwsem);
        fput(file);
        return error;
    }

    /// <summary>utimensat(2) on a descriptor, with both times given.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_futimens(uint fd) =>
        SetAttributes(fd, new iattr { ia_valid = ATTR_ATIME | ATTR_MTIME | ATTR_CTIME | ATTR_ATIME_SET | ATTR_MTIME_SET });

    [MightSleep]
    private static int SetAttributes(uint fd, iattr attr)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        inode inode = file_inode(file);
        down_write(inode.i_rwsem);
        int error = notify_change(inode, ref attr);
        up_write(inode.i_rwsem);
        fput(file);
        return error;
    }

    internal static int sys_close(uint fd) => close_fd(fd);

    /// <summary>utimensat(2) on a descriptor, without a path and with both times given.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_utimensat(int dfd, ulong filename, ulong utimes, int flags)
    {
        _ = utimes;
        return filename != 0 || flags != 0 ? -EINVAL : sys_futimens((uint)dfd);
    }
}
