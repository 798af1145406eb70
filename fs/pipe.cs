// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/pipe.c, Linux 6.18.
namespace Linux;

internal sealed partial class Kernel
{
    internal readonly super_block pipe_mnt = new() { s_type = "pipefs", s_magic = MagicH.PIPEFS_MAGIC };
}

/// <summary>The buffers between the two ends of a pipe: a ring of slots, each of at most a page.</summary>
internal sealed class pipe_inode_info
{
    private const int PIPE_DEF_BUFFERS = 16;

    internal readonly mutex mutex = new("&pipe->mutex");
    internal readonly wait_queue_head rd_wait = new("&pipe->rd_wait");
    internal readonly wait_queue_head wr_wait = new("&pipe->wr_wait");

    [GuardedBy(nameof(mutex))]
    private readonly Queue<pipe_buffer> bufs = new();

    [GuardedBy(nameof(mutex))]
    private pipe_buffer? newest;

    /// <summary>Slots. Read without the mutex by those who wait and look again.</summary>
    internal int max_usage = PIPE_DEF_BUFFERS;

    /// <summary>Slots in use; as <see cref="max_usage"/>.</summary>
    internal int occupancy;

    /// <summary>Open ends of either kind. Changed under the mutex, read as <see cref="max_usage"/>.</summary>
    internal int readers;
    internal int writers;

    internal bool Empty => Volatile.Read(ref occupancy) == 0;

    internal bool Full => Volatile.Read(ref occupancy) >= Volatile.Read(ref max_usage);

    /// <summary>The oldest bytes, of one slot; they stay until <see cref="Consume"/>.</summary>
    [MustHold(nameof(mutex))]
    internal ReadOnlySpan<byte> Peek()
    {
        pipe_buffer buf = bufs.Peek();
        return buf.data.AsSpan(buf.offset, buf.len);
    }

    /// <returns>Whether a packet ended.</returns>
    [MustHold(nameof(mutex))]
    internal bool Consume(int bytes)
    {
        pipe_buffer buf = bufs.Peek();
        buf.offset += bytes;
        buf.len -= bytes;
        if (buf.len != 0 && !buf.packet)
            return false;
        bufs.Dequeue();
        if (buf == newest)
            newest = null;
        Volatile.Write(ref occupancy, bufs.Count);
        return buf.packet;
    }

    /// <summary>Whether bytes fit behind those of the newest slot.</summary>
    [MustHold(nameof(mutex))]
    internal bool CanMerge(int bytes) => newest is { mergeable: true } buf && buf.offset + buf.len + bytes <= (int)PAGE_SIZE;

    [MustHold(nameof(mutex))]
    internal void Merge(ReadOnlySpan<byte> data)
    {
        pipe_buffer buf = newest!;
        data.CopyTo(buf.data.AsSpan(buf.offset + buf.len));
        buf.len += data.Length;
    }

    /// <summary>Puts bytes into a slot of their own. What comes by splice is somebody's page, which nobody may add to.</summary>
    [MustHold(nameof(mutex))]
    internal void Add(ReadOnlySpan<byte> data, bool mergeable, bool packet = false)
    {
        newest = new pipe_buffer { len = data.Length, mergeable = mergeable && !packet, packet = packet };
        data.CopyTo(newest.data);
        bufs.Enqueue(newest);
        Volatile.Write(ref occupancy, bufs.Count);
    }
}

/// <summary>One slot of a pipe.</summary>
internal sealed class pipe_buffer
{
    internal readonly byte[] data = new byte[PAGE_SIZE];
    internal int offset;
    internal int len;
    internal bool mergeable;

    /// <summary>A read takes from this slot alone, and what it leaves is lost.</summary>
    internal bool packet;
}

internal static unsafe class Pipe
{
    /// <summary>What F_SETPIPE_SZ gives without CAP_SYS_RESOURCE, in bytes: /proc/sys/fs/pipe-max-size.</summary>
    private const ulong pipe_max_size = 1 << 20;

    private static readonly file_operations pipefifo_fops = new()
    {
        read = pipe_read,
        write = pipe_write,
        splice_read = pipe_splice_read,
        splice_write = pipe_splice_write,
        poll = pipe_poll,
        release = pipe_release,
    };

    /// <summary>Makes both ends of a pipe.</summary>
    /// <returns>0, or -ENFILE, -ENOMEM, -EMFILE with nothing left behind.</returns>
    [MustCheck]
    internal static int do_pipe_flags(Kernel kernel, out int read_end, out int write_end, uint flags = 0)
    {
        read_end = write_end = -1;
        inode? inode = new_inode(kernel, kernel.pipe_mnt);
        if (inode is null)
            return -ENFILE;
        inode.i_mode = S_IFIFO | S_IRUSR | S_IWUSR;
        if (should_fail(kernel, "pipe_inode_info"))
        {
            iput(inode);
            return -ENFILE;
        }

        var pipe = new pipe_inode_info();

        // Each end takes a reference, even when it cannot be opened.
        ihold(inode);
        int first = OpenEnd(inode, pipe, O_RDONLY | flags);
        if (first < 0)
        {
            iput(inode);
            return first;
        }

        int second = OpenEnd(inode, pipe, O_WRONLY | flags);
        if (second < 0)
        {
            _ = close_fd((uint)first);
            return second;
        }

        read_end = first;
        write_end = second;
        return 0;
    }

    /// <summary>Opens an end; it, or the failure, takes the caller's reference to the inode.</summary>
    private static int OpenEnd([ConsumesReference] inode inode, pipe_inode_info pipe, uint mode)
    {
        int fd = get_unused_fd_flags(0);
        if (fd < 0)
        {
            iput(inode);
            return fd;
        }

        ErrPtr<@file> end = alloc_file_pseudo(inode, $"pipe:[{inode.i_ino}]", mode, pipefifo_fops);
        if (IS_ERR(end))
        {
            iput(inode);
            put_unused_fd(fd);
            return PTR_ERR(end);
        }

        HandOver(inode, to: "the file");
        end.Value.private_data = pipe;
        if ((mode & O_WRONLY) != 0)
            pipe.writers++;
        else
            pipe.readers++;
        fd_install(fd, end.Value);
        return fd;
    }

    private static nint pipe_read(@file file, ulong buf, ulong count, ref long pos)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        nint ret = 0;
        if (count == 0)
            return 0;
        mutex_lock(pipe.mutex);
        while (true)
        {
            if (!pipe.Empty)
            {
                ReadOnlySpan<byte> data = pipe.Peek();
                int n = (int)Math.Min((ulong)data.Length, count - (ulong)ret);
                ulong left;
                fixed (byte* from = data)
                    left = copy_to_user(buf + (ulong)ret, from, (ulong)n);

                // A slot goes out whole or not at all.
                if (left != 0)
                {
                    ret = ret != 0 ? ret : -EFAULT;
                    break;
                }

                ret += n;
                if (pipe.Consume(n) || (ulong)ret == count)
                    break;
                continue;
            }

            if (pipe.writers == 0 || ret != 0)
                break;
            if ((file.f_flags & O_NONBLOCK) != 0)
            {
                ret = -EAGAIN;
                break;
            }

            mutex_unlock(pipe.mutex);
            if (wait_event_interruptible(pipe.rd_wait, pipe, static p => !p.Empty || Volatile.Read(ref p.writers) == 0) < 0)
                return -ERESTARTSYS;
            mutex_lock(pipe.mutex);
        }

        mutex_unlock(pipe.mutex);
        if (ret > 0)
            wake_up_interruptible(pipe.wr_wait);
        return ret;
    }

    private static nint pipe_write(@file file, ulong buf, ulong count, ref long pos)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        if (count == 0)
            return 0;
        nint ret = 0;
        Span<byte> page = stackalloc byte[(int)PAGE_SIZE];
        mutex_lock(pipe.mutex);
        if (pipe.readers == 0)
        {
            ret = BrokenPipe();
            goto @out;
        }

        // What is over whole pages goes behind what lies there, if it fits.
        int chars = (int)(count & (PAGE_SIZE - 1));
        if (chars != 0 && pipe.CanMerge(chars))
        {
            if (!Fetch(page[..chars], buf))
            {
                ret = -EFAULT;
                goto @out;
            }

            pipe.Merge(page[..chars]);
            ret = chars;
        }

        while ((ulong)ret < count)
        {
            if (pipe.readers == 0)
            {
                nint broken = BrokenPipe();
                ret = ret != 0 ? ret : broken;
                break;
            }

            if (!pipe.Full)
            {
                int n = (int)Math.Min(PAGE_SIZE, count - (ulong)ret);
                if (should_fail(file.kernel, "fail_page_alloc"))
                {
                    ret = ret != 0 ? ret : -ENOMEM;
                    break;
                }

                if (!Fetch(page[..n], buf + (ulong)ret))
                {
                    ret = ret != 0 ? ret : -EFAULT;
                    break;
                }

                pipe.Add(page[..n], mergeable: true, packet: (file.f_flags & O_DIRECT) != 0);
                ret += n;
                continue;
            }

            if ((file.f_flags & O_NONBLOCK) != 0)
            {
                ret = ret != 0 ? ret : -EAGAIN;
                break;
            }

            mutex_unlock(pipe.mutex);
            wake_up_interruptible(pipe.rd_wait);
            if (wait_event_interruptible(pipe.wr_wait, pipe, static p => !p.Full || Volatile.Read(ref p.readers) == 0) < 0)
                return ret != 0 ? ret : -ERESTARTSYS;
            mutex_lock(pipe.mutex);
        }

    @out:
        mutex_unlock(pipe.mutex);
        if (ret > 0)
            wake_up_interruptible(pipe.rd_wait);
        return ret;
    }

    private static bool Fetch(Span<byte> to, ulong from)
    {
        fixed (byte* at = to)
            return copy_from_user(at, from, (ulong)to.Length) == 0;
    }

    private static nint BrokenPipe()
    {
        _ = send_sig(SIGPIPE, current, 0);
        return -EPIPE;
    }

    // The two below never wait: who splices has looked whether there is something to take, or room.
    private static nint pipe_splice_read(@file file, Span<byte> buffer, ref long pos)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        mutex_lock(pipe.mutex);
        nint ret = 0;
        while (ret < buffer.Length && !pipe.Empty)
        {
            ReadOnlySpan<byte> data = pipe.Peek();
            int n = Math.Min(data.Length, buffer.Length - (int)ret);
            data[..n].CopyTo(buffer[(int)ret..]);
            _ = pipe.Consume(n);
            ret += n;
        }

        if (ret == 0 && pipe.writers != 0)
            ret = -EAGAIN;
        mutex_unlock(pipe.mutex);
        if (ret > 0)
            wake_up_interruptible(pipe.wr_wait);
        return ret;
    }

    private static nint pipe_splice_write(@file file, ReadOnlySpan<byte> buffer, ref long pos)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        nint ret = 0;
        mutex_lock(pipe.mutex);
        if (pipe.readers == 0)
        {
            ret = BrokenPipe();
        }
        else
        {
            while (ret < buffer.Length && !pipe.Full)
            {
                ReadOnlySpan<byte> data = buffer[(int)ret..];
                data = data[..Math.Min(data.Length, (int)PAGE_SIZE)];
                pipe.Add(data, mergeable: false);
                ret += data.Length;
            }

            if (ret == 0 && buffer.Length != 0)
                ret = -EAGAIN;
        }

        mutex_unlock(pipe.mutex);
        if (ret > 0)
            wake_up_interruptible(pipe.rd_wait);
        return ret;
    }

    private static uint pipe_poll(@file file)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        uint mask = 0;
        if ((file.f_mode & FMODE_READ) != 0)
        {
            if (!pipe.Empty)
                mask |= PollH.POLLIN | PollH.POLLRDNORM;
            if (Volatile.Read(ref pipe.writers) == 0)
                mask |= PollH.POLLHUP;
        }

        if ((file.f_mode & FMODE_WRITE) != 0)
        {
            if (!pipe.Full)
                mask |= PollH.POLLOUT | PollH.POLLWRNORM;
            if (Volatile.Read(ref pipe.readers) == 0)
                mask |= PollH.POLLERR;
        }

        return mask;
    }

    private static int pipe_release(inode inode, @file file)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        mutex_lock(pipe.mutex);
        if ((file.f_mode & FMODE_READ) != 0)
            pipe.readers--;
        if ((file.f_mode & FMODE_WRITE) != 0)
            pipe.writers--;
        mutex_unlock(pipe.mutex);
        wake_up_interruptible_all(pipe.rd_wait);
        wake_up_interruptible_all(pipe.wr_wait);
        return 0;
    }

    /// <summary>F_GETPIPE_SZ and F_SETPIPE_SZ.</summary>
    /// <returns>The size in bytes; -EBADF for what is no pipe; -EINVAL, -EPERM for a size; -EBUSY if what is in the pipe would not fit.</returns>
    [MustCheck]
    [MightSleep]
    internal static long pipe_fcntl(@file file, int cmd, uint arg)
    {
        if (get_pipe_info(file) is not { } pipe)
            return -EBADF;
        mutex_lock(pipe.mutex);
        long ret = cmd == Fcntl.F_SETPIPE_SZ ? pipe_set_size(pipe, arg) : pipe.max_usage * (long)PAGE_SIZE;
        mutex_unlock(pipe.mutex);
        if (cmd == Fcntl.F_SETPIPE_SZ && ret > 0)
            wake_up_interruptible(pipe.wr_wait);
        return ret;
    }

    private static ulong round_pipe_size(uint size)
    {
        if (size > 1U << 31)
            return 0;
        return size < PAGE_SIZE ? PAGE_SIZE : System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)size);
    }

    [MustHold("pipe.mutex")]
    private static long pipe_set_size(pipe_inode_info pipe, uint arg)
    {
        ulong size = round_pipe_size(arg);
        int nr_slots = (int)(size >> PAGE_SHIFT);
        if (nr_slots == 0)
            return -EINVAL;
        if (nr_slots > pipe.max_usage && size > pipe_max_size && !capable(Capability.CAP_SYS_RESOURCE))
            return -EPERM;
        if (nr_slots < pipe.occupancy)
            return -EBUSY;
        Volatile.Write(ref pipe.max_usage, nr_slots);
        return nr_slots * (long)PAGE_SIZE;
    }

    internal static pipe_inode_info? get_pipe_info(@file file) => file.private_data as pipe_inode_info;

    /// <summary>pipe2(2): both descriptors go to user memory, or neither exists.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_pipe2(ulong fildes, uint flags)
    {
        if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0)
            return -EINVAL;
        int error = do_pipe_flags(current.kernel, out int read_end, out int write_end, flags);
        if (error != 0)
            return error;
        if (put_user((ulong)(uint)read_end | ((ulong)(uint)write_end << 32), fildes) == 0)
            return 0;
        _ = close_fd((uint)read_end);
        _ = close_fd((uint)write_end);
        return -EFAULT;
    }
}
