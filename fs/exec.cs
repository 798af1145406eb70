// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/exec.c, Linux 6.18.
namespace Linux;

internal static class Exec
{
    /// <summary>execveat(fd, "", AT_EMPTY_PATH) as far as its refusals: may the file be executed, and is it a program.</summary>
    /// <returns>-EBADF; -EACCES for what is not a regular executable file on a mount that allows it; -ETXTBSY for one that is open for writing; -ENOEXEC for one that is no program.</returns>
    [MustCheck]
    internal static int do_execveat_fd(uint fd)
    {
        @file? file = fget_raw(fd);
        if (file is null)
            return -EBADF;
        inode inode = file_inode(@file);
        if (should_fail(inode.kernel, "linux_binprm"))
        {
            fput(@file);
            return -ENOMEM;
        }

        bool written = Volatile.Read(ref inode.i_writecount) > 0;
        bool allowed = (inode.i_mode & S_IFMT) == S_IFREG && !inode.i_sb.s_iflags_noexec && (inode.i_mode & 0x49) != 0;
        fput(@file);
        return !allowed ? -EACCES : written ? -ETXTBSY : -ENOEXEC;
    }
}
