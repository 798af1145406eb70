// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/fcntl.c, Linux 6.18.
namespace Linux;

internal static class Fcntl
{
    internal const int F_DUPFD = 0;
    internal const int F_GETFD = 1;
    internal const int F_SETFD = 2;
    internal const int F_GETFL = 3;
    internal const int F_SETFL = 4;
    internal const int F_SETLK = 6;
    internal const int F_SETOWN = 8;
    internal const int F_GETOWN = 9;
    internal const int F_SETSIG = 10;
    internal const int F_GETSIG = 11;
    internal const int F_OFD_SETLK = 37;
    internal const int F_SETLEASE = 1024;
    internal const int F_GETLEASE = 1025;
    internal const int F_NOTIFY = 1026;
    internal const int F_DUPFD_CLOEXEC = 1030;
    internal const int F_SETPIPE_SZ = 1031;
    internal const int F_GETPIPE_SZ = 1032;
    internal const int F_ADD_SEALS = 1033;
    internal const int F_GET_SEALS = 1034;
    internal const int F_GET_RW_HINT = 1035;
    internal const int F_SET_RW_HINT = 1036;

    private const uint DN_MULTISHOT = 0x80000000;

    private const uint SETFL_MASK = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC;

    [MightSleep]
    internal static long sys_fcntl(uint fd, int cmd, ulong arg)
    {
        @file? file = fget_raw(fd);
        if (file is null)
            return -EBADF;
        long err = -EBADF;
        if ((file.f_mode & FMODE_PATH) == 0 || cmd is F_DUPFD or F_DUPFD_CLOEXEC or F_GETFD or F_SETFD or F_GETFL)
            err = do_fcntl(fd, cmd, arg, file);
        fput(@file);
        return err;
    }

    private static int setfl(@file filp, uint arg)
    {
        // Direct I/O needs a file type that can do it. With a pipe the flag means packets.
        if ((file_inode(filp).i_mode & S_IFMT) != S_IFIFO && (arg & O_DIRECT) != 0 && (filp.f_mode & FMODE_CAN_ODIRECT) == 0)
            return -EINVAL;
        filp.f_flags = (arg & SETFL_MASK) | (filp.f_flags & ~SETFL_MASK);
        return 0;
    }

    private static int f_dupfd(uint from, @file file, uint flags)
    {
        if (from >= rlimit(ResourceH.RLIMIT_NOFILE))
            return -EINVAL;
        int err = alloc_fd(from, (uint)rlimit(ResourceH.RLIMIT_NOFILE), flags);
        if (err >= 0)
            fd_install(err, get_file(@file));
        return err;
    }

    private static long do_fcntl(uint fd, int cmd, ulong arg, @file filp)
    {
        switch (cmd)
        {
            case F_DUPFD:
                return f_dupfd((uint)arg, filp, 0);
            case F_DUPFD_CLOEXEC:
                return f_dupfd((uint)arg, filp, O_CLOEXEC);
            case F_GETFD:
                return close_on_exec(fd) ? FD_CLOEXEC : 0;
            case F_SETFD:
                set_close_on_exec(fd, (arg & FD_CLOEXEC) != 0);
                return 0;
            case F_GETFL:
                return filp.f_flags;
            case F_SETFL:
                return setfl(filp, (uint)arg);
            case F_SETLK:
            case F_OFD_SETLK:
                return Locks.fcntl_setlk(fd, cmd == F_OFD_SETLK, arg);
            case F_GETOWN:
                return 0;
            case F_SETOWN:
                return 0;
            case F_GETSIG:
                return filp.f_owner_signum;
            case F_SETSIG:
                if (arg > 64)
                    return -EINVAL;
                filp.f_owner_signum = (int)arg;
                return 0;
            case F_GETLEASE:
                return fcntl_getlease(filp);
            case F_SETLEASE:
                return fcntl_setlease(filp, (int)arg);
            case F_ADD_SEALS:
                return memfd_fcntl_add_seals(filp, (uint)arg);
            case F_GET_SEALS:
                return memfd_fcntl_get_seals(filp);
            case F_NOTIFY:
                // Asking for nothing takes a notification away, which any file lets happen; only directories have anything to notify about.
                return ((uint)arg & ~DN_MULTISHOT) == 0 || (file_inode(filp).i_mode & S_IFMT) == S_IFDIR ? 0 : -ENOTDIR;
            case F_GET_RW_HINT:
                return 0;
            case F_GETPIPE_SZ:
            case F_SETPIPE_SZ:
                return Pipe.pipe_fcntl(filp, cmd, (uint)arg);
            default:
                return -EINVAL;
        }
    }

    internal static int sys_dup(uint fildes)
    {
        @file? file = fget_raw(fildes);
        if (file is null)
            return -EBADF;
        int ret = get_unused_fd_flags(0);
        if (ret >= 0)
            fd_install(ret, file);
        else
            fput(@file);
        return ret;
    }
}
