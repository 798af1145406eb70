// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/ioctl.c, Linux 6.18.
namespace Linux;

internal static class Ioctl
{
    internal const uint FIONCLEX = 0x5450;
    internal const uint FIOCLEX = 0x5451;
    internal const uint FIONBIO = 0x5421;
    internal const uint FIOASYNC = 0x5452;
    internal const uint FIOQSIZE = 0x5460;
    internal const uint FIGETBSZ = 2;
    internal const uint FIONREAD = 0x541B;

    /// <summary>Requests that every file understands come first; then the file's own.</summary>
    [MightSleep]
    internal static long sys_ioctl(uint fd, uint cmd, ulong arg)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        long error = do_vfs_ioctl(file, fd, cmd, arg);
        if (error == -ENOIOCTLCMD)
            error = vfs_ioctl(file, cmd, arg);
        fput(@file);
        return error;
    }

    private static long vfs_ioctl(@file filp, uint cmd, ulong arg)
    {
        if (filp.f_op.unlocked_ioctl is not { } unlocked_ioctl)
            return -ENOTTY;
        long error = unlocked_ioctl(filp, cmd, arg);
        return error == -ENOIOCTLCMD ? -ENOTTY : error;
    }

    private static long do_vfs_ioctl(@file filp, uint fd, uint cmd, ulong arg)
    {
        inode inode = file_inode(filp);
        switch (cmd)
        {
            case FIOCLEX:
                set_close_on_exec(fd, true);
                return 0;
            case FIONCLEX:
                set_close_on_exec(fd, false);
                return 0;
            case FIONBIO:
                if (get_user(out int on, arg) != 0)
                    return -EFAULT;
                filp.f_flags = on != 0 ? filp.f_flags | O_NONBLOCK : filp.f_flags & ~O_NONBLOCK;
                return 0;
            case FIOASYNC:
                return get_user(out int _, arg) != 0 ? -EFAULT : 0;
            case FIOQSIZE:
                if ((inode.i_mode & S_IFMT) != S_IFDIR && ((inode.i_mode & S_IFMT) != S_IFREG || inode.IS_ANON_FILE))
                    return -ENOTTY;
                return put_user((long)(inode.i_blocks << 9), arg) != 0 ? -EFAULT : 0;
            case FIGETBSZ:
                return put_user((int)inode.i_sb.s_blocksize, arg) != 0 ? -EFAULT : 0;
            case FIONREAD when (inode.i_mode & S_IFMT) == S_IFREG && !inode.IS_ANON_FILE:
                return put_user((int)(i_size_read(inode) - filp.f_pos), arg) != 0 ? -EFAULT : 0;
            default:
                return -ENOIOCTLCMD;
        }
    }
}
