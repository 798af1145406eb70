// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/fadvise.c, Linux 6.18.
namespace Linux;

internal static class Fadvise
{
    private const int POSIX_FADV_NOREUSE = 5;

    /// <summary>No file modelled here has a backing store, so good advice changes nothing.</summary>
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
        fput(file);
        return ret;
    }
}
