// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/readahead.c, Linux 6.18.
namespace Linux;

internal static class Readahead
{
    /// <summary>Refused for files that cannot read ahead, which is every file here but one on a disk.</summary>
    [MustCheck]
    internal static int ksys_readahead(int fd, long offset, ulong count)
    {
        @file? file = fget((uint)fd);
        if (file is null)
            return -EBADF;
        int ret = -EBADF;
        if ((file.f_mode & FMODE_READ) != 0)
            ret = file_inode(file).i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC ? 0 : -EINVAL;
        fput(file);
        return ret;
    }
}
