// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/stat.c, Linux 6.18.
namespace Linux;

internal static unsafe class Stat
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

    /// <summary>fstat(2): the answer in the layout of user space's struct stat.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_newfstat(uint fd, ulong statbuf)
    {
        kstat stat = default;
        int error = sys_fstat(fd, ref stat);
        return error != 0 ? error : cp_new_stat(in stat, statbuf);
    }

    private static int cp_new_stat(in kstat stat, ulong statbuf)
    {
        const int SizeOfStat = 144;
        byte* tmp = stackalloc byte[SizeOfStat];
        new Span<byte>(tmp, SizeOfStat).Clear();
        *(ulong*)(tmp + 8) = stat.ino;
        *(ulong*)(tmp + 16) = stat.nlink;
        *(uint*)(tmp + 24) = stat.mode;
        *(uint*)(tmp + 28) = stat.uid;
        *(uint*)(tmp + 32) = stat.gid;
        *(long*)(tmp + 48) = stat.size;
        *(ulong*)(tmp + 56) = stat.blksize;
        *(ulong*)(tmp + 64) = stat.blocks;
        return copy_to_user(statbuf, tmp, SizeOfStat) != 0 ? -EFAULT : 0;
    }
}
