// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/stat.c, Linux 6.18.
namespace Linux;

internal static class Stat
{
    internal static void generic_fillattr(inode inode, ref kstat stat)
    {
        stat.ino = inode.i_ino;
        stat.mode = inode.i_mode;
        stat.nlink = inode.i_nlink;
        stat.uid = inode.i_uid;
        stat.gid = inode.i_gid;
        stat.size = i_size_read(inode);
        stat.blksize = inode.i_sb.s_blocksize;
        stat.blocks = inode.i_blocks;
    }

    [MustCheck]
    internal static int vfs_getattr(inode inode, ref kstat stat)
    {
        if (inode.i_op.getattr is { } getattr)
            return getattr(inode, ref stat);
        generic_fillattr(inode, ref stat);
        return 0;
    }

    [MustCheck]
    internal static int sys_fstat(uint fd, ref kstat stat)
    {
        @file? file = fget_raw(fd);
        if (file is null)
            return -EBADF;
        int error = vfs_getattr(file_inode(@file), ref stat);
        fput(@file);
        return error;
    }
}
