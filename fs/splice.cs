// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/splice.c, Linux 6.18.
namespace Linux;

internal static class Splice
{
    /// <summary>Moves bytes between a pipe and another file; exactly one end here is a pipe.</summary>
    /// <returns>Bytes moved; -EBADF, -EINVAL for a file that cannot splice, -ESPIPE for an offset that a file cannot take.</returns>
    [MightSleep]
    internal static nint do_splice(@file @in, ref long off_in, bool has_off_in, @file @out, ref long off_out, bool has_off_out, ulong len)
    {
        if ((@in.f_mode & FMODE_READ) == 0 || (@out.f_mode & FMODE_WRITE) == 0)
            return -EBADF;
        pipe_inode_info? ipipe = get_pipe_info(@in);
        pipe_inode_info? opipe = get_pipe_info(@out);
        if (ipipe is not null && opipe is null)
        {
            if (has_off_in)
                return -ESPIPE;
            if (has_off_out && (@out.f_mode & FMODE_PWRITE) == 0)
                return -EINVAL;
            if ((@out.f_flags & O_APPEND) != 0)
                return -EINVAL;
            if (has_off_out && rw_verify_area(off_out, len) != 0)
                return -EINVAL;
            return @out.f_op.splice_write is { } write ? Move(ipipe, @in, ref off_in, @in.f_op.splice_read!, @out, ref off_out, write, len) : -EINVAL;
        }

        if (opipe is not null && ipipe is null)
        {
            if (has_off_out)
                return -ESPIPE;
            if (has_off_in && (@in.f_mode & FMODE_PREAD) == 0)
                return -EINVAL;
            if (has_off_in && rw_verify_area(off_in, len) != 0)
                return -EINVAL;
            return @in.f_op.splice_read is { } read ? Move(opipe, @in, ref off_in, read, @out, ref off_out, @out.f_op.splice_write!, len) : -EINVAL;
        }

        return -EINVAL;
    }

    [MightSleep]
    internal static nint sys_splice(int fd_in, ref long off_in, bool has_off_in, int fd_out, ref long off_out, bool has_off_out, ulong len)
    {
        if (len == 0)
            return 0;
        @file? @in = fget((uint)fd_in);
        if (@in is null)
            return -EBADF;
        @file? @out = fget((uint)fd_out);
        nint error = @out is null ? -EBADF : do_splice(@in, ref off_in, has_off_in, @out, ref off_out, has_off_out, len);
        if (@out is not null)
            fput(@out);
        fput(@in);
        return error;
    }

    /// <summary>Waits for the pipe once, then moves what is there, or what there is room for.</summary>
    private static nint Move(pipe_inode_info pipe, @file @in, ref long pos_in, kernel_read_t read, @file @out, ref long pos_out, kernel_write_t write, ulong len)
    {
        Span<byte> chunk = stackalloc byte[(int)PAGE_SIZE];
        nint done = 0;
        int error = WaitForPipe(pipe, @in, @out);
        if (error != 0)
            return error;
        bool filling = get_pipe_info(@out) == pipe;
        while ((ulong)done < len && (done == 0 || !(filling ? pipe.Full : pipe.Empty)))
        {
            nint got = read(@in, chunk[..(int)Math.Min((ulong)chunk.Length, len - (ulong)done)], ref pos_in);
            if (got <= 0)
                return done != 0 ? done : got;
            nint put = write(@out, chunk[..(int)got], ref pos_out);
            if (put <= 0)
                return done != 0 ? done : put;
            done += put;
        }

        return done;
    }

    private static int WaitForPipe(pipe_inode_info pipe, @file @in, @file @out)
    {
        @file end = get_pipe_info(@out) == pipe ? @out : @in;
        if ((end.f_flags & O_NONBLOCK) != 0)
            return 0;
        int error = end == @out
            ? wait_event_interruptible(pipe.wr_wait, pipe, static p => !p.Full || Volatile.Read(ref p.readers) == 0)
            : wait_event_interruptible(pipe.rd_wait, pipe, static p => !p.Empty || Volatile.Read(ref p.writers) == 0);
        return error < 0 ? -ERESTARTSYS : 0;
    }

    /// <summary>splice(2): a null pointer means that the file's own position is used.</summary>
    [MightSleep]
    internal static nint sys_splice(int fd_in, ulong off_in, int fd_out, ulong off_out, ulong len, uint flags)
    {
        const uint SPLICE_F_ALL = 0xF;
        if (len == 0)
            return 0;
        if ((flags & ~SPLICE_F_ALL) != 0)
            return -EINVAL;
        long @in = 0;
        long @out = 0;
        if ((off_in != 0 && get_user(out @in, off_in) != 0) || (off_out != 0 && get_user(out @out, off_out) != 0))
            return -EFAULT;
        nint done = sys_splice(fd_in, ref @in, off_in != 0, fd_out, ref @out, off_out != 0, len);
        if ((off_in != 0 && put_user(@in, off_in) != 0) || (off_out != 0 && put_user(@out, off_out) != 0))
            return -EFAULT;
        return done;
    }

    /// <summary>vmsplice(2) of one range into a pipe.</summary>
    [MightSleep]
    internal static long sys_vmsplice(int fd, ulong uiov, ulong nr_segs, uint flags)
    {
        if (nr_segs != 1)
            return nr_segs == 0 ? 0 : -EINVAL;
        if (get_user(out ulong at, uiov) != 0 || get_user(out ulong len, uiov + 8) != 0)
            return -EFAULT;
        return PinnedIo.vmsplice_to_pipe((uint)fd, at, len, flags);
    }
}
