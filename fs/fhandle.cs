// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/fhandle.c, Linux 6.18.
namespace Linux;

internal static class Fhandle
{
    private const int AT_SYMLINK_FOLLOW = 0x400;
    private const int AT_EMPTY_PATH = 0x1000;
    private const int AT_HANDLE_FID = 0x200;
    private const int AT_HANDLE_MNT_ID_UNIQUE = 0x001;
    private const int AT_HANDLE_CONNECTABLE = 0x002;

    /// <summary>Whether the file can be named by a handle. Only tmpfs can be opened by one; any inode number will do as an identifier.</summary>
    [MustCheck]
    internal static int name_to_handle_at(uint fd, int flag)
    {
        if ((flag & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | AT_HANDLE_FID | AT_HANDLE_MNT_ID_UNIQUE | AT_HANDLE_CONNECTABLE)) != 0)
            return -EINVAL;
        if ((flag & AT_HANDLE_CONNECTABLE) != 0 && (flag & (AT_HANDLE_FID | AT_EMPTY_PATH)) != 0)
            return -EINVAL;
        @file? file = fget_raw(fd);
        if (file is null)
            return -EBADF;
        bool exportable = file_inode(@file).i_sb.s_magic is MagicH.TMPFS_MAGIC or MagicH.EXT4_SUPER_MAGIC || (flag & AT_HANDLE_FID) != 0;
        fput(@file);
        if (!exportable)
            return -EOPNOTSUPP;
        return should_fail(current.kernel, "file_handle") ? -ENOMEM : 0;
    }

    /// <summary>name_to_handle_at(2) with an empty path. The handle itself is not filled in: nothing here opens by one.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_name_to_handle_at(int dfd, ulong name, ulong handle, ulong mnt_id, int flag)
    {
        _ = handle;
        _ = mnt_id;
        if (get_user(out byte first, name) != 0)
            return -EFAULT;
        return first != 0 || (flag & AT_EMPTY_PATH) == 0 ? -ENOENT : name_to_handle_at((uint)dfd, flag);
    }
}
