// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/readahead.c, Linux 6.18.
namespace Linux;

internal static class Readahead
{
    /// <summary>Refused for what is no regular file of a file system; where there is no backing store there is nothing to do.</summary>
    [MustCheck]
    internal static int ksys_readahead(int fd, long offset, ulong count)
    {
        @file? file = fget((uint)fd);
        if (file is null)
            return -EBADF;
        int ret = -EBADF;
        if ((file.f_mode & FMODE_READ) != 0)
            ret = (file_inode(file).i_mode & S_IFMT) == S_IFREG && !file_inode(file).IS_ANON_FILE ? 0 : -EINVAL;
        fput(file);
        return ret;
    }
}
