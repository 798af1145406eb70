// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/uapi/asm-generic/errno.h, Linux 6.18.
namespace Linux;

/// <summary>Error numbers, positive as in user space; kernel functions return them negated.</summary>
internal static class Errno
{
    internal const int EPERM = 1;
    internal const int ENOENT = 2;
    internal const int ESRCH = 3;
    internal const int EINTR = 4;
    internal const int EIO = 5;
    internal const int ENXIO = 6;
    internal const int E2BIG = 7;
    internal const int ENOEXEC = 8;
    internal const int EBADF = 9;
    internal const int ECHILD = 10;
    internal const int EAGAIN = 11;
    internal const int ENOMEM = 12;
    internal const int EACCES = 13;
    internal const int EFAULT = 14;
    internal const int ENOTBLK = 15;
    internal const int EBUSY = 16;
    internal const int EEXIST = 17;
    internal const int EXDEV = 18;
    internal const int ENODEV = 19;
    internal const int ENOTDIR = 20;
    internal const int EISDIR = 21;
    internal const int EINVAL = 22;
    internal const int ENFILE = 23;
    internal const int EMFILE = 24;
    internal const int ENOTTY = 25;
    internal const int ETXTBSY = 26;
    internal const int EFBIG = 27;
    internal const int ENOSPC = 28;
    internal const int ESPIPE = 29;
    internal const int EROFS = 30;
    internal const int EMLINK = 31;
    internal const int EPIPE = 32;
    internal const int EDOM = 33;
    internal const int ERANGE = 34;
    internal const int EDEADLK = 35;
    internal const int ENAMETOOLONG = 36;
    internal const int ENOLCK = 37;
    internal const int ENOSYS = 38;
    internal const int ENOTEMPTY = 39;
    internal const int ELOOP = 40;
    internal const int ENOMSG = 42;
    internal const int ENODATA = 61;
    internal const int ETIME = 62;
    internal const int EPROTO = 71;
    internal const int EOVERFLOW = 75;
    internal const int ENOTSOCK = 88;
    internal const int EOPNOTSUPP = 95;
    internal const int ETIMEDOUT = 110;
    internal const int EALREADY = 114;
    internal const int ESTALE = 116;
    internal const int EDQUOT = 122;
    internal const int ECANCELED = 125;
    internal const int ENOKEY = 126;
    internal const int EHWPOISON = 133;
    internal const int EWOULDBLOCK = EAGAIN;

    // Kernel-internal results that never reach user space.
    internal const int ERESTARTSYS = 512;
    internal const int ERESTARTNOINTR = 513;
    internal const int ENOIOCTLCMD = 515;
    internal const int ENOTSUPP = 524;

    /// <summary>Name of an error number in either sign, or its decimal form when there is none.</summary>
    internal static string Name(int error)
    {
        int e = error < 0 ? -error : error;
        return e switch
        {
            EPERM => nameof(EPERM),
            ENOENT => nameof(ENOENT),
            ESRCH => nameof(ESRCH),
            EINTR => nameof(EINTR),
            EIO => nameof(EIO),
            ENXIO => nameof(ENXIO),
            E2BIG => nameof(E2BIG),
            ENOEXEC => nameof(ENOEXEC),
            EBADF => nameof(EBADF),
            ECHILD => nameof(ECHILD),
            EAGAIN => nameof(EAGAIN),
            ENOMEM => nameof(ENOMEM),
            EACCES => nameof(EACCES),
            EFAULT => nameof(EFAULT),
            ENOTBLK => nameof(ENOTBLK),
            EBUSY => nameof(EBUSY),
            EEXIST => nameof(EEXIST),
            EXDEV => nameof(EXDEV),
            ENODEV => nameof(ENODEV),
            ENOTDIR => nameof(ENOTDIR),
            EISDIR => nameof(EISDIR),
            EINVAL => nameof(EINVAL),
            ENFILE => nameof(ENFILE),
            EMFILE => nameof(EMFILE),
            ENOTTY => nameof(ENOTTY),
            ETXTBSY => nameof(ETXTBSY),
            EFBIG => nameof(EFBIG),
            ENOSPC => nameof(ENOSPC),
            ESPIPE => nameof(ESPIPE),
            EROFS => nameof(EROFS),
            EMLINK => nameof(EMLINK),
            EPIPE => nameof(EPIPE),
            EDOM => nameof(EDOM),
            ERANGE => nameof(ERANGE),
            EDEADLK => nameof(EDEADLK),
            ENAMETOOLONG => nameof(ENAMETOOLONG),
            ENOLCK => nameof(ENOLCK),
            ENOSYS => nameof(ENOSYS),
            ENOTEMPTY => nameof(ENOTEMPTY),
            ELOOP => nameof(ELOOP),
            ENOMSG => nameof(ENOMSG),
            ENODATA => nameof(ENODATA),
            ETIME => nameof(ETIME),
            EPROTO => nameof(EPROTO),
            EOVERFLOW => nameof(EOVERFLOW),
            ENOTSOCK => nameof(ENOTSOCK),
            EOPNOTSUPP => nameof(EOPNOTSUPP),
            ETIMEDOUT => nameof(ETIMEDOUT),
            EALREADY => nameof(EALREADY),
            ESTALE => nameof(ESTALE),
            EDQUOT => nameof(EDQUOT),
            ECANCELED => nameof(ECANCELED),
            ENOKEY => nameof(ENOKEY),
            EHWPOISON => nameof(EHWPOISON),
            ERESTARTSYS => nameof(ERESTARTSYS),
            ERESTARTNOINTR => nameof(ERESTARTNOINTR),
            ENOIOCTLCMD => nameof(ENOIOCTLCMD),
            ENOTSUPP => nameof(ENOTSUPP),
            _ => e.ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
    }
}
