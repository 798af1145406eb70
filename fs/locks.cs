// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/locks.c, Linux 6.18.
namespace Linux;

/// <summary>One lock on a file: whole-file (flock), lease, or a byte range. The owner is what makes two locks the same caller's.</summary>
internal sealed record file_lock(object Owner, bool Write, long Start, long End);

internal sealed partial class inode
{
    /// <summary>Locks on this inode, made with the first. Under flc_lock.</summary>
    internal file_lock_context? i_flctx;

    /// <summary>Opens for writing, and opens for reading only, made by open(2).</summary>
    internal int i_writecount;
    internal int i_readcount;
}

internal sealed class file_lock_context
{
    internal readonly spinlock_t flc_lock = new("&ctx->flc_lock");

    [GuardedBy(nameof(flc_lock))]
    internal readonly List<file_lock> flc_flock = [];

    [GuardedBy(nameof(flc_lock))]
    internal readonly List<file_lock> flc_posix = [];

    [GuardedBy(nameof(flc_lock))]
    internal readonly List<file_lock> flc_lease = [];
}

internal static class Locks
{
    internal const int LOCK_SH = 1;
    internal const int LOCK_EX = 2;
    internal const int LOCK_NB = 4;
    internal const int LOCK_UN = 8;
    private const int LOCK_MAND = 32;
    internal const int F_RDLCK = 0;
    internal const int F_WRLCK = 1;
    internal const int F_UNLCK = 2;

    /// <summary>Never blocks: the caller asked with LOCK_NB.</summary>
    [MustCheck]
    internal static int sys_flock(uint fd, int cmd)
    {
        // Mandatory locks are gone; asking for one is let pass, whatever else is wrong.
        if ((cmd & LOCK_MAND) != 0)
            return 0;
        int type = cmd & ~LOCK_NB;
        if (type is not (LOCK_SH or LOCK_EX or LOCK_UN))
            return -EINVAL;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        int error;
        if (type != LOCK_UN && (file.f_mode & (FMODE_READ | FMODE_WRITE)) == 0)
            error = -EBADF;
        else
            error = flock_lock_inode(file, type);
        fput(@file);
        return error;
    }

    /// <returns>Null without memory, or when there is nothing to unlock.</returns>
    private static file_lock_context? locks_get_lock_context(inode inode, int type)
    {
        if (Volatile.Read(ref inode.i_flctx) is { } ctx)
            return ctx;
        if (type == F_UNLCK || should_fail(inode.kernel, "file_lock_ctx"))
            return null;
        return Interlocked.CompareExchange(ref inode.i_flctx, new file_lock_context(), null) ?? inode.i_flctx!;
    }

    private static int flock_lock_inode(@file file, int type)
    {
        inode inode = file_inode(@file);
        file_lock_context? ctx = locks_get_lock_context(inode, type == LOCK_UN ? F_UNLCK : F_RDLCK);
        if (ctx is null)
            return type == LOCK_UN ? 0 : -ENOMEM;
        if (type != LOCK_UN && should_fail(inode.kernel, "file_lock_cache"))
            return -ENOMEM;
        int error = 0;
        spin_lock(ctx.flc_lock);
        ctx.flc_flock.RemoveAll(l => l.Owner == file);
        bool write = type == LOCK_EX;
        if (type == LOCK_UN)
            goto @out;

        // The old lock is gone even when the new one cannot be had: a change of type is not atomic.
        if (ctx.flc_flock.Exists(l => l.Write || write))
            error = -EAGAIN;
        else
            ctx.flc_flock.Add(new file_lock(file, write, 0, long.MaxValue));
    @out:
        spin_unlock(ctx.flc_lock);
        return error;
    }

    /// <summary>F_SETLK and F_OFD_SETLK: byte ranges, owned by the process or by the open file.</summary>
    [MustCheck]
    internal static int fcntl_setlk(uint fd, int type, long start, long len, bool ofd)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        int error = should_fail(file.kernel, "file_lock_cache") ? -ENOLCK : posix_lock_file(file, type, start, len, ofd ? file : current.files!);
        fput(@file);
        return error;
    }

    private static int posix_lock_file(@file file, int type, long start, long len, object owner)
    {
        if (start < 0)
            return -EINVAL;
        long end;
        if (len > 0)
        {
            if (len - 1 > long.MaxValue - start)
                return -EOVERFLOW;
            end = start + len - 1;
        }
        else if (len < 0)
        {
            if (start + len < 0)
                return -EINVAL;
            end = start - 1;
            start += len;
        }
        else
        {
            end = long.MaxValue;
        }

        if (type is not (F_RDLCK or F_WRLCK or F_UNLCK))
            return -EINVAL;
        if ((type == F_RDLCK && (file.f_mode & FMODE_READ) == 0) || (type == F_WRLCK && (file.f_mode & FMODE_WRITE) == 0))
            return -EBADF;

        file_lock_context? ctx = locks_get_lock_context(file_inode(@file), type);
        if (ctx is null)
            return type == F_UNLCK ? 0 : -ENOMEM;
        int error = 0;
        spin_lock(ctx.flc_lock);
        if (type != F_UNLCK && ctx.flc_posix.Exists(l => l.Owner != owner && l.Start <= end && start <= l.End && (l.Write || type == F_WRLCK)))
            error = -EAGAIN;
        else
            posix_lock_inode(ctx, owner, type, start, end);
        spin_unlock(ctx.flc_lock);
        return error;
    }

    /// <summary>The owner's ranges are cut where the new one lies, and the new one is put there unless it unlocks.</summary>
    [MustHold("ctx.flc_lock")]
    private static void posix_lock_inode(file_lock_context ctx, object owner, int type, long start, long end)
    {
        file_lock[] overlapping = [.. ctx.flc_posix.Where(l => l.Owner == owner && l.Start <= end && start <= l.End)];
        foreach (file_lock old in overlapping)
        {
            ctx.flc_posix.Remove(old);
            if (old.Start < start)
                ctx.flc_posix.Add(old with { End = start - 1 });
            if (old.End > end)
                ctx.flc_posix.Add(old with { Start = end + 1 });
        }

        if (type != F_UNLCK)
            ctx.flc_posix.Add(new file_lock(owner, type == F_WRLCK, start, end));
    }

    internal static int fcntl_getlease(@file filp)
    {
        if (Volatile.Read(ref file_inode(filp).i_flctx) is not { } ctx)
            return F_UNLCK;
        spin_lock(ctx.flc_lock);
        file_lock? lease = ctx.flc_lease.Find(l => l.Owner == filp);
        spin_unlock(ctx.flc_lock);
        return lease is null ? F_UNLCK : lease.Write ? F_WRLCK : F_RDLCK;
    }

    /// <returns>0; -EINVAL for a bad type or a file that is not regular; -EAGAIN when other opens are in the way.</returns>
    internal static int fcntl_setlease(@file filp, int type)
    {
        inode inode = file_inode(filp);
        if ((inode.i_mode & S_IFMT) != S_IFREG)
            return -EINVAL;
        if (type is not (F_RDLCK or F_WRLCK or F_UNLCK))
            return -EINVAL;
        if (type != F_UNLCK && should_fail(inode.kernel, "file_lock_cache"))
            return -ENOMEM;
        file_lock_context? ctx = locks_get_lock_context(inode, type);
        if (ctx is null)
            return type == F_UNLCK ? -EAGAIN : -ENOMEM;
        int error = 0;
        spin_lock(ctx.flc_lock);
        file_lock? own = ctx.flc_lease.Find(l => l.Owner == filp);
        if (type == F_UNLCK)
        {
            // Removing a lease that does not exist says so.
            if (own is null)
                error = -EAGAIN;
            else
                ctx.flc_lease.Remove(own);
            goto @out;
        }

        if (check_conflicting_open(filp, type) != 0)
        {
            error = -EAGAIN;
            goto @out;
        }

        if (own is not null)
            ctx.flc_lease.Remove(own);
        ctx.flc_lease.Add(new file_lock(filp, type == F_WRLCK, 0, long.MaxValue));
    @out:
        spin_unlock(ctx.flc_lock);
        return error;
    }

    /// <summary>
    /// A read lease is in conflict with writers, a write lease with any other open. Files that no open(2) made do not count as writers of
    /// their inode, which is why one may have a read lease although it is open for writing, and may not have a write lease.
    /// </summary>
    private static int check_conflicting_open(@file filp, int type)
    {
        inode inode = file_inode(filp);
        if (type == F_RDLCK)
            return inode.i_writecount > 0 ? -EAGAIN : 0;
        int self_wcount = (filp.f_mode & FMODE_WRITE) != 0 ? 1 : 0;
        int self_rcount = self_wcount == 0 && (filp.f_mode & FMODE_READ) != 0 ? 1 : 0;
        return inode.i_writecount != self_wcount || inode.i_readcount != self_rcount ? -EAGAIN : 0;
    }

    /// <summary>The last reference to the open file is gone: so are its locks.</summary>
    internal static void locks_remove_file(@file filp) => Remove(file_inode(filp), filp);

    /// <summary>Closing any descriptor of the file drops the process's byte-range locks on it.</summary>
    internal static void locks_remove_posix(@file filp, files_struct owner) => Remove(file_inode(filp), owner);

    private static void Remove(inode inode, object owner)
    {
        if (Volatile.Read(ref inode.i_flctx) is not { } ctx)
            return;
        spin_lock(ctx.flc_lock);
        ctx.flc_flock.RemoveAll(l => l.Owner == owner);
        ctx.flc_posix.RemoveAll(l => l.Owner == owner);
        ctx.flc_lease.RemoveAll(l => l.Owner == owner);
        spin_unlock(ctx.flc_lock);
    }

    /// <summary>F_SETLK and F_OFD_SETLK with user space's struct flock.</summary>
    [MustCheck]
    [MightSleep]
    internal static int fcntl_setlk(uint fd, bool ofd, ulong flock)
    {
        if (get_user(out uint type_whence, flock) != 0 || get_user(out long start, flock + 8) != 0 || get_user(out long len, flock + 16) != 0 ||
            get_user(out int pid, flock + 24) != 0)
            return -EFAULT;
        if (type_whence >> 16 != SEEK_SET || (ofd && pid != 0))
            return -EINVAL;
        return fcntl_setlk(fd, (short)type_whence, start, len, ofd);
    }
}
