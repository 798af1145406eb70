// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/statfs.c, Linux 6.18.
namespace Linux;

/// <summary>What statfs(2) says of a file system, as far as it does not depend on its fill.</summary>
internal readonly record struct kstatfs(ulong f_type, uint f_bsize, uint f_namelen);

internal static class Statfs
{
    [MustCheck]
    internal static int sys_fstatfs(uint fd, out kstatfs buf)
    {
        buf = default;
        @file? file = fget_raw(fd);
        if (file is null)
            return -EBADF;
        super_block sb = file_inode(@file).i_sb;
        buf = new kstatfs(sb.s_magic, sb.s_blocksize, sb.s_namelen);
        fput(@file);
        return 0;
    }
}
