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
    private const uint FIBMAP = 1;
    private const uint FS_IOC_GETFLAGS = 0x80086601;
    private const uint FS_IOC_SETFLAGS = 0x40086602;
    private const uint FS_IOC_FSGETXATTR = 0x801C581F;
    private const uint FS_IOC_FSSETXATTR = 0x401C5820;
    private const uint FS_IOC_GETVERSION = 0x80087601;
    private const uint FS_IOC_FIEMAP = 0xC020660B;
    private const uint FIDEDUPERANGE = 0xC0189436;
    private const uint FS_IOC_RESVSP = 0x40305828;
    private const uint FS_IOC_UNRESVSP = 0x40305829;
    private const uint FS_IOC_RESVSP64 = 0x4030582A;
    private const uint FS_IOC_UNRESVSP64 = 0x4030582B;
    private const uint FS_IOC_ZERO_RANGE = 0x40305839;

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
            case FS_IOC_GETFLAGS:
            case FS_IOC_SETFLAGS:
            case FS_IOC_FSGETXATTR:
            case FS_IOC_FSSETXATTR:
                return ioctl_fileattr(inode, cmd, arg);
            case FS_IOC_GETVERSION when inode.i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC:
                return put_user(0, arg) != 0 ? -EFAULT : 0;
            case FS_IOC_FIEMAP:
                return -EOPNOTSUPP;
            case FIDEDUPERANGE:
                return (inode.i_mode & S_IFMT) == S_IFREG ? -EOPNOTSUPP : -EINVAL;
            default:
                return (inode.i_mode & S_IFMT) == S_IFREG && !inode.IS_ANON_FILE ? file_ioctl(filp, cmd, arg) : -ENOIOCTLCMD;
        }
    }

    /// <summary>Attribute flags, of file systems that have any; they start as none, and taking none changes nothing.</summary>
    private static long ioctl_fileattr(inode inode, uint cmd, ulong arg)
    {
        if (!inode.i_sb.s_xattr || (inode.i_mode & S_IFMT) != S_IFREG)
            return -ENOIOCTLCMD;
        switch (cmd)
        {
            case FS_IOC_GETFLAGS:
                return put_user(0, arg) != 0 ? -EFAULT : 0;
            case FS_IOC_FSGETXATTR:
                return clear_user(arg, 28) != 0 ? -EFAULT : 0;
            default:
                if (get_user(out int flags, arg) != 0)
                    return -EFAULT;
                return flags != 0 ? -EOPNOTSUPP : 0;
        }
    }

    /// <summary>Requests of regular files: where a block lies on the disk, and the older names of fallocate().</summary>
    private static long file_ioctl(@file filp, uint cmd, ulong arg)
    {
        switch (cmd)
        {
            case FIBMAP:
                if (!capable(Capability.CAP_SYS_RAWIO))
                    return -EPERM;
                if (get_user(out int block, arg) != 0)
                    return -EFAULT;
                return block < 0 || file_inode(filp).i_sb.s_magic != MagicH.EXT4_SUPER_MAGIC ? -EINVAL : 0;
            case FS_IOC_RESVSP:
            case FS_IOC_RESVSP64:
                return ioctl_preallocate(filp, 0, arg);
            case FS_IOC_UNRESVSP:
            case FS_IOC_UNRESVSP64:
                return ioctl_preallocate(filp, FallocH.FALLOC_FL_PUNCH_HOLE, arg);
            case FS_IOC_ZERO_RANGE:
                return ioctl_preallocate(filp, FallocH.FALLOC_FL_ZERO_RANGE, arg);
            default:
                return -ENOIOCTLCMD;
        }
    }

    /// <summary>struct space_resv: l_type, l_whence, l_start, l_len.</summary>
    private static long ioctl_preallocate(@file filp, int mode, ulong arg)
    {
        if (get_user(out uint type_whence, arg) != 0 || get_user(out long start, arg + 8) != 0 || get_user(out long len, arg + 16) != 0)
            return -EFAULT;
        switch (type_whence >> 16)
        {
            case SEEK_SET:
                break;
            case SEEK_CUR:
                start += filp.f_pos;
                break;
            case SEEK_END:
                start += i_size_read(file_inode(filp));
                break;
            default:
                return -EINVAL;
        }

        return vfs_fallocate(filp, mode | FallocH.FALLOC_FL_KEEP_SIZE, start, len);
    }
}
