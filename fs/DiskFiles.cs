// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>Files on a disk's file system.</summary>
internal static class DiskFiles
{
    /// <summary>open(2) of a folder with O_TMPFILE | O_RDWR: a file without a name.</summary>
    /// <returns>A descriptor, or -EMFILE, -ENOMEM.</returns>
    [MustCheck]
    internal static int OpenUnnamed(Kernel kernel, bool direct)
    {
        int fd = get_unused_fd_flags(0);
        if (fd < 0)
            return fd;
        ErrPtr<@file> made = shmem_file_setup(kernel.disk_mnt, kernel, "/tmp/#1 (deleted)", 0);
        if (IS_ERR(made))
        {
            put_unused_fd(fd);
            return PTR_ERR(made);
        }

        file_inode(made.Value).i_mode = S_IFREG | S_IRUSR | S_IWUSR;
        file_get_write_access(made.Value);
        Shmem.SetCapabilities(made.Value);
        made.Value.f_flags |= O_LARGEFILE | O_TMPFILE | (direct ? O_DIRECT : 0);
        fd_install(fd, made.Value);
        return fd;
    }
}
