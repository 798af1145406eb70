// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/memfd.c, Linux 6.18.
namespace Linux;

internal static class Memfd
{
    internal const uint MFD_CLOEXEC = 0x1;
    internal const uint MFD_ALLOW_SEALING = 0x2;
    internal const uint MFD_NOEXEC_SEAL = 0x8;
    internal const uint MFD_EXEC = 0x10;
    internal const uint F_SEAL_SEAL = 0x1;
    internal const uint F_SEAL_SHRINK = 0x2;
    internal const uint F_SEAL_GROW = 0x4;
    internal const uint F_SEAL_WRITE = 0x8;
    internal const uint F_SEAL_FUTURE_WRITE = 0x10;
    internal const uint F_SEAL_EXEC = 0x20;

    private const uint F_ALL_SEALS = F_SEAL_SEAL | F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    private const uint MFD_ALL_FLAGS = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;

    /// <returns>A descriptor; -EINVAL for unknown flags or both of EXEC and NOEXEC_SEAL, or a name that is too long.</returns>
    [MustCheck]
    internal static int memfd_create(Kernel kernel, string uname, uint flags)
    {
        if ((flags & ~MFD_ALL_FLAGS) != 0 || (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
            return -EINVAL;
        if (uname.Length > 249)
            return -EINVAL;
        int fd = get_unused_fd_flags((flags & MFD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
        if (fd < 0)
            return fd;
        ErrPtr<@file> made = shmem_file_setup(kernel.shm_mnt, kernel, $"/memfd:{uname} (deleted)", 0);
        if (IS_ERR(made))
        {
            put_unused_fd(fd);
            return PTR_ERR(made);
        }

        @file file = made.Value;
        Shmem.SetCapabilities(file);
        file.f_flags |= O_LARGEFILE;
        shmem_inode_info info = Shmem.SHMEM_I(file_inode(file));
        if ((flags & MFD_NOEXEC_SEAL) != 0)
        {
            file_inode(file).i_mode &= ~0x49U;
            info.seals = (info.seals & ~F_SEAL_SEAL) | F_SEAL_EXEC;
        }
        else if ((flags & MFD_ALLOW_SEALING) != 0)
        {
            info.seals &= ~F_SEAL_SEAL;
        }

        fd_install(fd, file);
        return fd;
    }

    [MustCheck]
    internal static int memfd_fcntl_add_seals(@file file, uint seals)
    {
        if ((file.f_mode & FMODE_WRITE) == 0)
            return -EPERM;
        if ((seals & ~F_ALL_SEALS) != 0 || !Shmem.shmem_file(file) || file_inode(file).i_sb.s_magic != MagicH.TMPFS_MAGIC)
            return -EINVAL;
        inode inode = file_inode(file);
        shmem_inode_info info = Shmem.SHMEM_I(inode);
        int error = 0;
        down_write(inode.i_rwsem);
        if ((info.seals & F_SEAL_SEAL) != 0)
        {
            error = -EPERM;
            goto unlock;
        }

        // What is executable and stays so must not change any more.
        if ((seals & F_SEAL_EXEC) != 0 && (inode.i_mode & S_IXUGO) != 0)
            seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

        // A writable shared mapping would outlive the promise that nobody writes any more.
        if ((seals & F_SEAL_WRITE) != 0 && (info.seals & F_SEAL_WRITE) == 0 && HasWritableMapping(file.f_mapping))
        {
            error = -EBUSY;
            goto unlock;
        }

        info.seals |= seals;
    unlock:
        up_write(inode.i_rwsem);
        return error;
    }

    [MustCheck]
    internal static int memfd_fcntl_get_seals(@file file) =>
        Shmem.shmem_file(file) && file_inode(file).i_sb.s_magic == MagicH.TMPFS_MAGIC ? (int)Shmem.SHMEM_I(file_inode(file)).seals : -EINVAL;

    private static bool HasWritableMapping(address_space mapping)
    {
        down_read(mapping.i_mmap_rwsem);
        bool any = mapping.i_mmap.Exists(vma => (vma.vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE));
        up_read(mapping.i_mmap_rwsem);
        return any;
    }

    [MustCheck]
    [MightSleep]
    internal static unsafe int sys_memfd_create(ulong uname, uint flags)
    {
        const int Longest = 250;
        byte* name = stackalloc byte[Longest];
        long length = strncpy_from_user(name, uname, Longest);
        if (length < 0)
            return (int)length;
        return length == Longest ? -EINVAL : memfd_create(current.kernel, System.Text.Encoding.UTF8.GetString(name, (int)length), flags);
    }
}
