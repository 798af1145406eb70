// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/file_table.c, Linux 6.18.
namespace Linux;

internal sealed partial class Kernel
{
    /// <summary>Open files of the host, and the limit of /proc/sys/fs/file-max.</summary>
    internal long nr_files;
    internal long files_stat_max_files = long.MaxValue;
    private LiveKind? _liveFiles;

    internal LiveKind LiveFiles => _liveFiles ??= LiveKind("file");
}

internal static class FileTable
{
    /// <summary>A new open file on an inode that no directory names. Takes over the inode's reference when it succeeds.</summary>
    /// <returns>The file, -ENFILE, or -ENOMEM.</returns>
    [ErrorPointer]
    [return: ReturnsReference]
    internal static ErrPtr<@file> alloc_file_pseudo(inode inode, string name, uint flags, file_operations fops)
    {
        Kernel kernel = inode.kernel;
        if (should_fail(kernel, "dentry"))
            return ERR_PTR<@file>(-ENOMEM);
        if (Interlocked.Increment(ref kernel.nr_files) > kernel.files_stat_max_files)
        {
            Interlocked.Decrement(ref kernel.nr_files);
            return ERR_PTR<@file>(-ENFILE);
        }

        if (should_fail(kernel, "filp_cachep"))
        {
            Interlocked.Decrement(ref kernel.nr_files);
            return ERR_PTR<@file>(-ENOMEM);
        }

        var file = new @file(kernel, inode, fops, OPEN_FMODE(flags), flags, name);
        file_init_path(@file);
        kernel.LiveFiles.Born(file, name);
        HandOver(file, to: "the caller, in the error pointer");
        return file;
    }

    /// <summary>Drops a reference. The last one queues the release to the task's return to user mode, where no lock is held.</summary>
    internal static void fput([DropsReference] @file file)
    {
        long count = Interlocked.Decrement(ref file.f_ref);
        if (count > 0)
            return;
        BUG_ON(count < 0);
        task_struct task = current;
        if ((task.flags & PF_KTHREAD) == 0 && task_work_add(task, new callback_head(static state => ____fput((@file)state.data!), file), task_work_notify_mode.TWA_RESUME) == 0)
            return;
        delayed_fput(@file);
    }

    private static void ____fput(@file file) => __fput(@file);

    /// <summary>A kernel thread, or a task past the end of its task work, has no return to user mode: the release runs here.</summary>
    private static void delayed_fput(@file file) => __fput(@file);

    private static void __fput(@file file)
    {
        inode inode = file.f_inode;
        if ((file.f_mode & FMODE_OPENED) != 0)
            file.f_op.release?.Invoke(inode, file);
        locks_remove_file(@file);
        put_file_access(@file);
        file.kernel.LiveFiles.Died(@file);
        Interlocked.Decrement(ref file.kernel.nr_files);
        iput(inode);
    }

    /// <summary>What open(2) adds to alloc_file_pseudo(): a file that can write counts as a writer of its regular inode.</summary>
    internal static void file_get_write_access([BorrowsReference] @file file)
    {
        if ((file.f_mode & FMODE_WRITE) == 0 || (file_inode(file).i_mode & S_IFMT) != S_IFREG)
            return;
        Interlocked.Increment(ref file_inode(file).i_writecount);
        file.f_mode |= FMODE_WRITER;
    }

    private static void put_file_access([BorrowsReference] @file file)
    {
        if ((file.f_mode & (FMODE_READ | FMODE_WRITE)) == FMODE_READ)
            Interlocked.Decrement(ref file_inode(file).i_readcount);
        if ((file.f_mode & FMODE_WRITER) != 0)
            Interlocked.Decrement(ref file_inode(file).i_writecount);
    }

    private static uint OPEN_FMODE(uint flags) => ((flags + 1) & O_ACCMODE) | (flags & O_PATH) >> 7;

    private static void file_init_path(@file file)
    {
        file_operations fop = file.f_op;
        if ((file.f_mode & FMODE_READ) != 0 && (fop.read is not null || fop.read_iter is not null))
            file.f_mode |= FMODE_CAN_READ;
        if ((file.f_mode & FMODE_WRITE) != 0 && (fop.write is not null || fop.write_iter is not null))
            file.f_mode |= FMODE_CAN_WRITE;
        if (fop.llseek is not null)
            file.f_mode |= FMODE_LSEEK;
        if ((file.f_mode & (FMODE_READ | FMODE_WRITE)) == FMODE_READ)
            Interlocked.Increment(ref file_inode(file).i_readcount);
        file.f_mode |= FMODE_OPENED;
    }
}
