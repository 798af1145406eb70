// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/file.c, Linux 6.18.
namespace Linux;

/// <summary>A process's descriptors. Shared by threads, copied by fork.</summary>
internal sealed class files_struct
{
    internal files_struct(Kernel kernel)
    {
        this.kernel = kernel;
        file_lock = new spinlock_t("&files->file_lock");
    }

    internal readonly Kernel kernel;

    internal int count = 1;

    /// <summary>Protects every change of the table. fget() reads it under RCU only.</summary>
    internal readonly spinlock_t file_lock;

    /// <summary>Open files by descriptor. A reader may see an older, smaller array; entries are moved before the array is published.</summary>
    [GuardedBy(nameof(file_lock))]
    internal @file?[] fd = new @file?[64];

    [GuardedBy(nameof(file_lock))]
    internal ulong[] open_fds = new ulong[1];

    [GuardedBy(nameof(file_lock))]
    internal ulong[] close_on_exec = new ulong[1];

    /// <summary>No descriptor below it is free.</summary>
    [GuardedBy(nameof(file_lock))]
    internal int next_fd;
}

internal sealed partial class task_struct
{
    /// <summary>Null for kernel threads.</summary>
    internal files_struct? files;
}

internal static class File
{
    /// <summary>Adds a reference if the count is not zero.</summary>
    [MustCheck]
    internal static bool file_ref_get(@file file)
    {
        long count = Volatile.Read(ref file.f_ref);
        while (count > 0)
        {
            long seen = Interlocked.CompareExchange(ref file.f_ref, count + 1, count);
            if (seen == count)
                return true;
            count = seen;
        }

        return false;
    }

    /// <summary>Another reference for someone who has one already.</summary>
    internal static @file get_file([AcquiresReference] @file file)
    {
        WARN_ON_ONCE(Interlocked.Increment(ref file.f_ref) <= 1);
        return file;
    }

    /// <summary>
    /// The file in a field that another task may clear or replace: takes a reference only if the file is alive and the field still names it.
    /// </summary>
    [return: ReturnsReference]
    internal static @file? get_file_active(ref @file? f)
    {
        rcu_read_lock();
        @file? file = Volatile.Read(ref f);
        if (file is not null && !file_ref_get(@file))
            file = null;
        rcu_read_unlock();

        if (file is null || file == Volatile.Read(ref f))
            return file;
        fput(@file);
        return null;
    }

    /// <summary>The open file behind a descriptor, with a reference; null for a closed one or one opened with O_PATH.</summary>
    [return: ReturnsReference]
    internal static @file? fget(uint fd) => __fget(fd, FMODE_PATH);

    [return: ReturnsReference]
    internal static @file? fget_raw(uint fd) => __fget(fd, 0);

    [return: ReturnsReference]
    private static @file? __fget(uint fd, uint mask)
    {
        files_struct files = current.files!;
        while (true)
        {
            rcu_read_lock();
            @file?[] fdt = Volatile.Read(ref files.fd);
            @file? file = fd < fdt.Length ? Volatile.Read(ref fdt[fd]) : null;
            bool got = file is not null && file_ref_get(@file);
            rcu_read_unlock();
            if (file is null)
                return null;
            if (!got)
                continue;
            if (Volatile.Read(ref Volatile.Read(ref files.fd)[fd]) == file)
            {
                if ((file.f_mode & mask) == 0)
                    return file;
                fput(@file);
                return null;
            }

            fput(@file);
        }
    }

    /// <summary>Reserves the lowest free descriptor.</summary>
    /// <returns>The descriptor, -EMFILE, or -ENOMEM when the table cannot grow.</returns>
    [MustCheck]
    internal static int get_unused_fd_flags(uint flags) => alloc_fd(0, (uint)rlimit(ResourceH.RLIMIT_NOFILE), flags);

    [MustCheck]
    internal static int alloc_fd(uint start, uint end, uint flags)
    {
        files_struct files = current.files!;
        spin_lock(files.file_lock);
        uint fd = find_next_fd(files, Math.Max(start, (uint)files.next_fd));
        int error = -EMFILE;
        if (fd >= end)
            goto @out;
        error = expand_files(files, fd);
        if (error < 0)
            goto @out;
        if (start <= files.next_fd)
            files.next_fd = (int)fd + 1;
        files.open_fds[fd / 64] |= 1UL << (int)(fd % 64);
        set_close_on_exec(files, fd, (flags & O_CLOEXEC) != 0);
        error = (int)fd;
    @out:
        spin_unlock(files.file_lock);
        return error;
    }

    internal static void put_unused_fd(int fd)
    {
        files_struct files = current.files!;
        spin_lock(files.file_lock);
        __put_unused_fd(files, (uint)fd);
        spin_unlock(files.file_lock);
    }

    /// <summary>Publishes the file under a reserved descriptor, which takes over the caller's reference.</summary>
    internal static void fd_install(int fd, [ConsumesReference] @file file)
    {
        files_struct files = current.files!;

        // Against expand_files() of another thread, which copies the entries: one that is written behind it into the old table is lost.
        spin_lock(files.file_lock);
        BUG_ON(files.fd[fd] is not null);
        Volatile.Write(ref files.fd[fd], file);
        spin_unlock(files.file_lock);
    }

    /// <returns>0 or -EBADF; or the error of the file's flush function.</returns>
    internal static int close_fd(uint fd)
    {
        files_struct files = current.files!;
        spin_lock(files.file_lock);
        @file? file = file_close_fd_locked(files, fd);
        spin_unlock(files.file_lock);
        return file is null ? -EBADF : filp_close(@file);
    }

    internal static int filp_close([ConsumesReference] @file file)
    {
        int ret = file.f_op.flush?.Invoke(@file) ?? 0;
        fput(@file);
        return ret;
    }

    internal static bool close_on_exec(uint fd)
    {
        files_struct files = current.files!;
        spin_lock(files.file_lock);
        bool set = fd / 64 < files.close_on_exec.Length && (files.close_on_exec[fd / 64] & (1UL << (int)(fd % 64))) != 0;
        spin_unlock(files.file_lock);
        return set;
    }

    internal static void set_close_on_exec(uint fd, bool set)
    {
        files_struct files = current.files!;
        spin_lock(files.file_lock);
        set_close_on_exec(files, fd, set);
        spin_unlock(files.file_lock);
    }

    /// <summary>The table of a forked child: the same open files under the same numbers.</summary>
    /// <returns>Null without memory.</returns>
    [MustCheck]
    internal static files_struct? dup_fd(files_struct oldf)
    {
        if (should_fail(oldf.kernel, "files_cachep") || (Volatile.Read(ref oldf.fd).Length > 64 && should_fail(oldf.kernel, "fdtable")))
            return null;
        var newf = new files_struct(oldf.kernel);
        spin_lock(oldf.file_lock);
        newf.fd = new @file?[oldf.fd.Length];
        newf.open_fds = (ulong[])oldf.open_fds.Clone();
        newf.close_on_exec = (ulong[])oldf.close_on_exec.Clone();
        newf.next_fd = oldf.next_fd;
        for (int fd = 0; fd < oldf.fd.Length; fd++)
        {
            if (oldf.fd[fd] is { } file)
                newf.fd[fd] = get_file(@file);
            else
                newf.open_fds[fd / 64] &= ~(1UL << (fd % 64));
        }

        spin_unlock(oldf.file_lock);
        return newf;
    }

    /// <summary>exec: closes what is marked close-on-exec.</summary>
    internal static void do_close_on_exec(files_struct files)
    {
        for (uint fd = 0; fd < Volatile.Read(ref files.fd).Length; fd++)
        {
            if (!close_on_exec(fd))
                continue;
            spin_lock(files.file_lock);
            @file? file = file_close_fd_locked(files, fd);
            spin_unlock(files.file_lock);
            if (file is not null)
                _ = filp_close(@file);
        }
    }

    internal static void exit_files(task_struct tsk)
    {
        if (tsk.files is not { } files)
            return;
        tsk.files = null;
        put_files_struct(files);
    }

    [ContextUnsafe("the last reference is gone: nobody else reaches the table")]
    internal static void put_files_struct(files_struct files)
    {
        if (Interlocked.Decrement(ref files.count) != 0)
            return;
        for (int fd = 0; fd < files.fd.Length; fd++)
        {
            @file? file = Interlocked.Exchange(ref files.fd[fd], null);
            if (file is not null)
                _ = filp_close(@file);
        }
    }

    [MustHold("files.file_lock")]
    [return: ReturnsReference]
    private static @file? file_close_fd_locked(files_struct files, uint fd)
    {
        if (fd >= files.fd.Length)
            return null;
        @file? file = files.fd[fd];
        if (file is null)
            return null;
        Volatile.Write(ref files.fd[fd], null);
        __put_unused_fd(files, fd);
        return file;
    }

    [MustHold("files.file_lock")]
    private static uint find_next_fd(files_struct files, uint start)
    {
        for (uint word = start / 64; word < files.open_fds.Length; word++)
        {
            ulong free = ~files.open_fds[word];
            if (word == start / 64)
                free &= ulong.MaxValue << (int)(start % 64);
            if (free != 0)
                return (word * 64) + (uint)System.Numerics.BitOperations.TrailingZeroCount(free);
        }

        return Math.Max(start, (uint)files.open_fds.Length * 64);
    }

    [MustHold("files.file_lock")]
    private static int expand_files(files_struct files, uint nr)
    {
        if (nr < files.fd.Length)
            return 0;
        if (should_fail(files.kernel, "fdtable"))
            return -ENOMEM;
        int size = files.fd.Length;
        while (size <= nr)
            size *= 2;
        @file?[] fd = new @file?[size];
        files.fd.CopyTo(fd, 0);
        Array.Resize(ref files.open_fds, size / 64);
        Array.Resize(ref files.close_on_exec, size / 64);
        Volatile.Write(ref files.fd, fd);
        return 0;
    }

    [MustHold("files.file_lock")]
    private static void __put_unused_fd(files_struct files, uint fd)
    {
        files.open_fds[fd / 64] &= ~(1UL << (int)(fd % 64));
        files.close_on_exec[fd / 64] &= ~(1UL << (int)(fd % 64));
        files.next_fd = Math.Min(files.next_fd, (int)fd);
    }

    [MustHold("files.file_lock")]
    private static void set_close_on_exec(files_struct files, uint fd, bool set)
    {
        ulong bit = 1UL << (int)(fd % 64);
        if (set)
            files.close_on_exec[fd / 64] |= bit;
        else
            files.close_on_exec[fd / 64] &= ~bit;
    }
}
