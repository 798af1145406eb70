// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/sync.c, Linux 6.18.
namespace Linux;

internal static class Sync
{
    private const uint SYNC_FILE_RANGE_VALID = 7;

    [MustCheck]
    [MightSleep]
    internal static int vfs_fsync_range(@file file, long start, long end, int datasync) =>
        file.f_op.fsync is { } fsync ? fsync(file, start, end, datasync) : -EINVAL;

    [MustCheck]
    [MightSleep]
    internal static int do_fsync(uint fd, int datasync)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        int ret = vfs_fsync_range(file, 0, long.MaxValue, datasync);
        fput(@file);
        return ret;
    }

    [MustCheck]
    internal static int ksys_sync_file_range(int fd, long offset, long nbytes, uint flags)
    {
        @file? file = fget((uint)fd);
        if (file is null)
            return -EBADF;
        int ret = sync_file_range(file, offset, nbytes, flags);
        fput(@file);
        return ret;
    }

    private static int sync_file_range(@file file, long offset, long nbytes, uint flags)
    {
        if ((flags & ~SYNC_FILE_RANGE_VALID) != 0)
            return -EINVAL;
        if (offset < 0 || unchecked(offset + nbytes) < offset)
            return -EINVAL;

        // Nothing modelled here is ever written back, so there is nothing to wait for.
        return (file_inode(@file).i_mode & S_IFMT) is S_IFREG or S_IFDIR ? 0 : -ESPIPE;
    }
}
