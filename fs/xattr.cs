// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/xattr.c, Linux 6.18.
namespace Linux;

internal sealed partial class inode
{
    /// <summary>Attributes by name, made with the first. Changed under i_rwsem held for writing.</summary>
    internal SortedDictionary<string, byte[]>? xattrs;
}

/// <summary>
/// Extended attributes: the checks of the generic layer in their order, and behind them attributes that are kept with the inode, for file
/// systems that keep any. Access control lists are parsed; none is ever kept.
/// </summary>
internal static unsafe class Xattr
{
    private const int XATTR_CREATE = 1;
    private const int XATTR_REPLACE = 2;
    private const int XATTR_NAME_MAX = 255;
    private const ulong XATTR_SIZE_MAX = 65536;
    private const string XATTR_SECURITY_PREFIX = "security.";
    private const string XATTR_SYSTEM_PREFIX = "system.";
    private const string XATTR_TRUSTED_PREFIX = "trusted.";
    private const string XATTR_USER_PREFIX = "user.";
    private const string XATTR_NAME_CAPS = "security.capability";
    private const string XATTR_NAME_POSIX_ACL_ACCESS = "system.posix_acl_access";
    private const string XATTR_NAME_POSIX_ACL_DEFAULT = "system.posix_acl_default";

    /// <returns>The value's length, or the errno of the name, the descriptor, the permission or the file system; -ERANGE for a short buffer.</returns>
    [MustCheck]
    [MightSleep]
    internal static nint sys_fgetxattr(uint fd, ulong name, ulong value, ulong size)
    {
        int error = import_xattr_name(name, out string text);
        if (error != 0)
            return error;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        inode inode = file_inode(file);
        down_read(inode.i_rwsem);
        nint ret = vfs_getxattr(inode, text, out byte[] found);
        up_read(inode.i_rwsem);
        if (ret > 0)
            ret = CopyOut(found, value, size);
        fput(file);
        return ret;
    }

    /// <returns>0; -EINVAL for flags; -E2BIG; -EFAULT; -EEXIST and -ENODATA as the flags ask; or as <see cref="sys_fgetxattr"/>.</returns>
    [MustCheck]
    [MightSleep]
    internal static int sys_fsetxattr(uint fd, ulong name, ulong value, ulong size, int flags)
    {
        if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0)
            return -EINVAL;
        int error = import_xattr_name(name, out string text);
        if (error != 0)
            return error;
        if (size > XATTR_SIZE_MAX)
            return -E2BIG;
        if (size != 0 && should_fail(current.kernel, "xattr_value"))
            return -ENOMEM;
        byte[] copy = new byte[size];
        fixed (byte* to = copy)
        {
            if (size != 0 && copy_from_user(to, value, size) != 0)
                return -EFAULT;
        }

        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        inode inode = file_inode(file);
        down_write(inode.i_rwsem);
        error = is_posix_acl_xattr(text) ? do_set_acl(inode, text, copy) : vfs_setxattr(inode, text, copy, flags);
        up_write(inode.i_rwsem);
        fput(file);
        return error;
    }

    [MustCheck]
    [MightSleep]
    internal static int sys_fremovexattr(uint fd, ulong name)
    {
        int error = import_xattr_name(name, out string text);
        if (error != 0)
            return error;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        inode inode = file_inode(file);
        down_write(inode.i_rwsem);
        error = is_posix_acl_xattr(text) ? do_set_acl(inode, text, []) : vfs_removexattr(inode, text);
        up_write(inode.i_rwsem);
        fput(file);
        return error;
    }

    /// <returns>Length of the names with their zeroes; -ERANGE for a short buffer.</returns>
    [MustCheck]
    [MightSleep]
    internal static nint sys_flistxattr(uint fd, ulong list, ulong size)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        inode inode = file_inode(file);
        down_read(inode.i_rwsem);
        byte[] names = System.Text.Encoding.UTF8.GetBytes(string.Concat((inode.xattrs?.Keys ?? Enumerable.Empty<string>())
            .Where(static name => !name.StartsWith(XATTR_TRUSTED_PREFIX, StringComparison.Ordinal) || capable(Capability.CAP_SYS_ADMIN))
            .Select(static name => name + "\0")));
        up_read(inode.i_rwsem);
        nint ret = names.Length == 0 ? 0 : CopyOut(names, list, size);
        fput(file);
        return ret;
    }

    private static nint CopyOut(byte[] data, ulong to, ulong size)
    {
        if (size == 0)
            return data.Length;
        if (size < (ulong)data.Length)
            return -ERANGE;
        fixed (byte* from = data)
        {
            return copy_to_user(to, from, (ulong)data.Length) != 0 ? -EFAULT : data.Length;
        }
    }

    private static int import_xattr_name(ulong name, out string text)
    {
        byte* buffer = stackalloc byte[XATTR_NAME_MAX + 1];
        long length = strncpy_from_user(buffer, name, XATTR_NAME_MAX + 1);
        text = length is > 0 and <= XATTR_NAME_MAX ? System.Text.Encoding.UTF8.GetString(buffer, (int)length) : string.Empty;
        return length < 0 ? (int)length : length is 0 or > XATTR_NAME_MAX ? -ERANGE : 0;
    }

    private static bool Within(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal);

    private static bool is_posix_acl_xattr(string name) => name is XATTR_NAME_POSIX_ACL_ACCESS or XATTR_NAME_POSIX_ACL_DEFAULT;

    /// <summary>Who may use which namespace, before the file system is asked whether it knows the namespace at all.</summary>
    private static int xattr_permission(inode inode, string name, bool write)
    {
        if (Within(name, XATTR_SECURITY_PREFIX) || Within(name, XATTR_SYSTEM_PREFIX))
            return 0;
        int refused = write ? -EPERM : -ENODATA;
        if (Within(name, XATTR_TRUSTED_PREFIX))
            return capable(Capability.CAP_SYS_ADMIN) ? 0 : refused;

        // Only what has contents of its own has attributes of its users.
        return Within(name, XATTR_USER_PREFIX) && (inode.i_mode & S_IFMT) is not (S_IFREG or S_IFDIR) ? refused : 0;
    }

    /// <summary>Whether the file system has a handler for the name: 0, -EOPNOTSUPP, or -EINVAL for a prefix with nothing behind it.</summary>
    private static int xattr_resolve_name(inode inode, string name)
    {
        if (!inode.i_sb.s_xattr)
            return -EOPNOTSUPP;
        string? prefix = Within(name, XATTR_SECURITY_PREFIX) ? XATTR_SECURITY_PREFIX
            : Within(name, XATTR_TRUSTED_PREFIX) ? XATTR_TRUSTED_PREFIX
            : Within(name, XATTR_USER_PREFIX) ? XATTR_USER_PREFIX : null;
        return prefix is null ? -EOPNOTSUPP : name.Length == prefix.Length ? -EINVAL : 0;
    }

    [MustHoldShared("inode.i_rwsem")]
    private static nint vfs_getxattr(inode inode, string name, out byte[] value)
    {
        value = [];
        if (is_posix_acl_xattr(name))
            return inode.i_sb.s_xattr ? -ENODATA : -EOPNOTSUPP;
        int error = xattr_permission(inode, name, write: false);
        if (error == 0)
            error = xattr_resolve_name(inode, name);
        if (error != 0)
            return error;
        if (inode.xattrs is null || !inode.xattrs.TryGetValue(name, out byte[]? found))
            return -ENODATA;
        value = found;
        return found.Length;
    }

    [MustHold("inode.i_rwsem")]
    private static int vfs_setxattr(inode inode, string name, byte[] value, int flags)
    {
        if (value.Length != 0 && name == XATTR_NAME_CAPS && !ValidCapabilities(value))
            return -EINVAL;
        int error = xattr_permission(inode, name, write: true);
        if (error == 0)
            error = xattr_resolve_name(inode, name);
        if (error != 0)
            return error;
        bool exists = inode.xattrs?.ContainsKey(name) == true;
        if (exists && (flags & XATTR_CREATE) != 0)
            return -EEXIST;
        if (!exists && (flags & XATTR_REPLACE) != 0)
            return -ENODATA;
        (inode.xattrs ??= new SortedDictionary<string, byte[]>(StringComparer.Ordinal))[name] = value;
        return 0;
    }

    [MustHold("inode.i_rwsem")]
    private static int vfs_removexattr(inode inode, string name)
    {
        int error = xattr_permission(inode, name, write: true);
        if (error == 0)
            error = xattr_resolve_name(inode, name);
        if (error != 0)
            return error;
        return inode.xattrs?.Remove(name) == true ? 0 : -ENODATA;
    }

    /// <summary>cap_convert_nscap(): the two layouts that a file's capabilities may have.</summary>
    private static bool ValidCapabilities(byte[] value)
    {
        const uint VFS_CAP_REVISION_MASK = 0xFF000000;
        const uint VFS_CAP_REVISION_2 = 0x02000000;
        const uint VFS_CAP_REVISION_3 = 0x03000000;
        uint revision = value.Length < 4 ? 0 : BitConverter.ToUInt32(value) & VFS_CAP_REVISION_MASK;
        return (value.Length == 20 && revision == VFS_CAP_REVISION_2) || (value.Length == 24 && revision == VFS_CAP_REVISION_3);
    }

    /// <summary>A list is parsed before the file system is asked; an empty one takes the list away, which is nothing to do here.</summary>
    [MustHold("inode.i_rwsem")]
    private static int do_set_acl(inode inode, string name, byte[] value)
    {
        const uint POSIX_ACL_XATTR_VERSION = 2;
        const int Header = 4;
        const int Entry = 8;
        if (value.Length is > 0 and < Header)
            return -EINVAL;
        if (value.Length != 0 && BitConverter.ToUInt32(value) != POSIX_ACL_XATTR_VERSION)
            return -EOPNOTSUPP;
        bool empty = value.Length <= Header;
        if (!empty && (value.Length - Header) % Entry != 0)
            return -EINVAL;
        if (!inode.i_sb.s_xattr)
            return -EOPNOTSUPP;
        if (empty)
            return 0;
        return name == XATTR_NAME_POSIX_ACL_DEFAULT ? -EACCES : -EOPNOTSUPP;
    }
}
