// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/proc/fd.c, Linux 6.18.
namespace Linux;

internal static class Fd
{
    /// <summary>Target of /proc/self/fd/N.</summary>
    [MustCheck]
    internal static int proc_fd_link(uint fd, out string text)
    {
        text = string.Empty;
        @file? file = fget_raw(fd);
        if (file is null)
            return -ENOENT;
        if (should_fail(file.kernel, "names_cache"))
        {
            fput(@file);
            return -ENOMEM;
        }

        text = file.name;
        fput(@file);
        return 0;
    }

    /// <summary>open("/proc/self/fd/N", flags): the link leads to the inode itself, which is opened anew.</summary>
    /// <returns>A descriptor; -ENOENT for a closed number, -ENXIO for an inode that only its maker can open.</returns>
    [MustCheck]
    internal static int proc_fd_open(uint fd, uint flags)
    {
        @file? old = fget_raw(fd);
        if (old is null)
            return -ENOENT;
        inode inode = file_inode(old);
        int ret;
        if ((flags & (O_NOFOLLOW | O_PATH)) == O_NOFOLLOW)
        {
            // The last component is a link.
            ret = -ELOOP;
            goto @out;
        }

        if ((flags & O_DIRECTORY) != 0)
        {
            // No descriptor here is a directory's.
            ret = -ENOTDIR;
            goto @out;
        }

        if ((flags & O_PATH) != 0)
        {
            ret = OpenInode(inode, old.name, (flags & O_CLOEXEC) | O_PATH, new file_operations());
            goto @out;
        }

        // Only a file system's own inodes have an open function; anonymous ones answer with the default one, which refuses.
        ret = inode.i_fop.open is { } ? OpenInode(inode, old.name, flags, inode.i_fop) : -ENXIO;
    @out:
        fput(old);
        return ret;
    }

    private static int OpenInode(inode inode, string name, uint flags, file_operations fops)
    {
        int fd = get_unused_fd_flags(flags & O_CLOEXEC);
        if (fd < 0)
            return fd;
        ihold(inode);
        ErrPtr<@file> made = alloc_file_pseudo(inode, name, flags & ~O_CLOEXEC, fops);
        if (IS_ERR(made))
        {
            iput(inode);
            put_unused_fd(fd);
            return PTR_ERR(made);
        }

        HandOver(inode, to: "the file");
        @file file = made.Value;
        if ((flags & O_PATH) != 0)
        {
            file.f_mode = FMODE_PATH;
        }
        else
        {
            file_get_write_access(file);
            int error = fops.open!(inode, file);
            if (error == 0 && (flags & O_DIRECT) != 0 && (file.f_mode & FMODE_CAN_ODIRECT) == 0)
                error = -EINVAL;
            if (error == 0 && (flags & O_TRUNC) != 0 && (inode.i_mode & S_IFMT) == S_IFREG)
                error = do_truncate(inode, 0, ATTR_MTIME | ATTR_CTIME, file);
            if (error != 0)
            {
                fput(@file);
                put_unused_fd(fd);
                return error;
            }
        }

        fd_install(fd, file);
        return fd;
    }
}
