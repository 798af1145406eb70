// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/xattr.c, Linux 6.18.
namespace Linux;

/// <summary>
/// Extended attributes of files whose file system has none: what remains is the order in which the generic layer says no.
/// </summary>
internal static unsafe class Xattr
{
    private const int XATTR_CREATE = 1;
    private const int XATTR_REPLACE = 2;
    private const int XATTR_NAME_MAX = 255;
    private const ulong XATTR_SIZE_MAX = 65536;
    private const string XATTR_POSIX_ACL = "system.posix_acl_";

    [MustCheck]
    internal static nint sys_fgetxattr(uint fd, string name)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        nint error = import_xattr_name(name);
        if (error == 0)
            error = vfs_getxattr(file_inode(@file), name);
        fput(@file);
        return error;
    }

    [MustCheck]
    internal static int sys_fsetxattr(uint fd, string name, ReadOnlySpan<byte> value, int flags)
    {
        if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0)
            return -EINVAL;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        int error = import_xattr_name(name);

        // An access control list is parsed before the file system is asked.
        if (error == 0)
            error = name.StartsWith(XATTR_POSIX_ACL, StringComparison.Ordinal) && value.Length < 4 ? -EINVAL : -EOPNOTSUPP;
        fput(@file);
        return error;
    }

    [MustCheck]
    internal static int sys_fremovexattr(uint fd, string name)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        int error = import_xattr_name(name);
        fput(@file);
        return error != 0 ? error : -EOPNOTSUPP;
    }

    /// <returns>Length of the list, which is empty.</returns>
    [MustCheck]
    internal static nint sys_flistxattr(uint fd)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        fput(@file);
        return 0;
    }

    private static int import_xattr_name(string name) => name.Length is 0 or > XATTR_NAME_MAX ? -ERANGE : 0;

    private static nint vfs_getxattr(inode inode, string name)
    {
        // tmpfs knows the security namespace and finds nothing in it.
        return inode.i_sb.s_magic == MagicH.TMPFS_MAGIC && name.StartsWith("security.", StringComparison.Ordinal) ? -ENODATA : -EOPNOTSUPP;
    }

    /// <returns>The value's length, or the errno of the name, the descriptor or the file system.</returns>
    [MustCheck]
    [MightSleep]
    internal static nint sys_fgetxattr(uint fd, ulong name, ulong value, ulong size)
    {
        _ = value;
        _ = size;
        int error = copy_name(name, out string text);
        return error != 0 ? Unnamed(fd, error) : sys_fgetxattr(fd, text);
    }

    [MustCheck]
    [MightSleep]
    internal static int sys_fsetxattr(uint fd, ulong name, ulong value, ulong size, int flags)
    {
        int error = copy_name(name, out string text);
        if (error != 0)
            return Unnamed(fd, error);
        if (size > XATTR_SIZE_MAX)
            return Unnamed(fd, -E2BIG);
        byte[] copy = new byte[size];
        fixed (byte* to = copy)
        {
            if (copy_from_user(to, value, size) != 0)
                return Unnamed(fd, -EFAULT);
        }

        return sys_fsetxattr(fd, text, copy, flags);
    }

    [MustCheck]
    [MightSleep]
    internal static int sys_fremovexattr(uint fd, ulong name)
    {
        int error = copy_name(name, out string text);
        return error != 0 ? Unnamed(fd, error) : sys_fremovexattr(fd, text);
    }

    [MustCheck]
    [MightSleep]
    internal static nint sys_flistxattr(uint fd, ulong list, ulong size)
    {
        _ = list;
        _ = size;
        return sys_flistxattr(fd);
    }

    /// <summary>A bad descriptor is told before a bad name.</summary>
    private static int Unnamed(uint fd, int error)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        fput(@file);
        return error;
    }

    private static int copy_name(ulong name, out string text)
    {
        byte* buffer = stackalloc byte[XATTR_NAME_MAX + 1];
        long length = strncpy_from_user(buffer, name, XATTR_NAME_MAX + 1);
        text = length is > 0 and <= XATTR_NAME_MAX ? System.Text.Encoding.UTF8.GetString(buffer, (int)length) : string.Empty;
        return length < 0 ? (int)length : length is 0 or > XATTR_NAME_MAX ? -ERANGE : 0;
    }
}
