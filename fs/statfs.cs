// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/statfs.c, Linux 6.18.
namespace Linux;

/// <summary>What statfs(2) says of a file system, as far as it does not depend on its fill.</summary>
internal readonly record struct kstatfs(ulong f_type, uint f_bsize, uint f_namelen);

internal static unsafe class Statfs
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

    /// <summary>fstatfs(2): the answer in the layout of user space's struct statfs.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_fstatfs(uint fd, ulong buf)
    {
        int error = sys_fstatfs(fd, out kstatfs st);
        return error != 0 ? error : do_statfs_native(st, buf);
    }

    private static int do_statfs_native(kstatfs st, ulong p)
    {
        const int SizeOfStatfs = 120;
        byte* buf = stackalloc byte[SizeOfStatfs];
        new Span<byte>(buf, SizeOfStatfs).Clear();
        *(ulong*)buf = st.f_type;
        *(ulong*)(buf + 8) = st.f_bsize;
        *(ulong*)(buf + 64) = st.f_namelen;
        return copy_to_user(p, buf, SizeOfStatfs) != 0 ? -EFAULT : 0;
    }
}
