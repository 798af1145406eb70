// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/fadvise.c, Linux 6.18.
namespace Linux;

internal static class Fadvise
{
    private const int POSIX_FADV_DONTNEED = 4;
    private const int POSIX_FADV_NOREUSE = 5;

    /// <summary>Only files on a disk have a backing store, so only they heed advice: what is not needed is dropped.</summary>
    /// <returns>0; -EBADF, -ESPIPE for a pipe, -EINVAL for a negative length or unknown advice.</returns>
    [MustCheck]
    internal static int ksys_fadvise64_64(int fd, long offset, long len, int advice)
    {
        @file? file = fget((uint)fd);
        if (file is null)
            return -EBADF;
        int ret = 0;
        if ((file_inode(file).i_mode & S_IFMT) == S_IFIFO)
            ret = -ESPIPE;
        else if (len < 0 || advice is < 0 or > POSIX_FADV_NOREUSE)
            ret = -EINVAL;
        else if (advice == POSIX_FADV_DONTNEED && file_inode(file).i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC)
            DropUnneeded(file, offset, len);
        fput(file);
        return ret;
    }

    /// <summary>Only whole pages go, and the one with the end of the file.</summary>
    [MightSleep]
    private static void DropUnneeded([BorrowsReference] @file file, long offset, long len)
    {
        long end = len == 0 || offset > long.MaxValue - len ? long.MaxValue : offset + len - 1;
        ulong start_index = ((ulong)offset + PAGE_SIZE - 1) >> PAGE_SHIFT;
        ulong end_index = (ulong)end >> PAGE_SHIFT;
        if (((ulong)end & ~PAGE_MASK) != ~PAGE_MASK && end != i_size_read(file_inode(file)) - 1)
        {
            if (end_index == 0)
                return;
            end_index--;
        }

        if (end_index >= start_index)
            _ = invalidate_mapping_pages(file.f_mapping, start_index, end_index);
    }
}
