// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/pipe.c, Linux 6.18.
namespace Linux;

internal sealed partial class Kernel
{
    internal readonly super_block pipe_mnt = new() { s_type = "pipefs", s_magic = MagicH.PIPEFS_MAGIC };
}

/// <summary>The bytes between the two ends of a pipe. The ends never block: the model's pipes are filled and drained by one task.</summary>
internal sealed class pipe_inode_info
{
    internal const int Capacity = 16 * 4096;

    internal readonly mutex mutex = new("&pipe->mutex");

    [GuardedBy(nameof(mutex))]
    private readonly byte[] _ring = new byte[Capacity];

    [GuardedBy(nameof(mutex))]
    private int _head;

    [GuardedBy(nameof(mutex))]
    internal int Count { get; private set; }

    [MustHold(nameof(mutex))]
    internal int Write(ReadOnlySpan<byte> data)
    {
        int n = Math.Min(data.Length, Capacity - Count);
        for (int i = 0; i < n; i++)
            _ring[(_head + Count + i) % Capacity] = data[i];
        Count += n;
        return n;
    }

    [MustHold(nameof(mutex))]
    internal int Read(Span<byte> data)
    {
        int n = Math.Min(data.Length, Count);
        for (int i = 0; i < n; i++)
            data[i] = _ring[(_head + i) % Capacity];
        _head = (_head + n) % Capacity;
        Count -= n;
        return n;
    }
}

internal static class Pipe
{
    private static readonly file_operations pipefifo_fops = new()
    {
        read_iter = pipe_read,
        write_iter = pipe_write,
        splice_write = pipe_write,
        splice_read = pipe_read,
        poll = static _ => PollH.POLLIN | PollH.POLLOUT,
    };

    /// <summary>Makes both ends of a pipe.</summary>
    /// <returns>0, or -ENFILE, -ENOMEM, -EMFILE with nothing left behind.</returns>
    [MustCheck]
    internal static int do_pipe_flags(Kernel kernel, out int read_end, out int write_end)
    {
        read_end = write_end = -1;
        inode? inode = new_inode(kernel, kernel.pipe_mnt);
        if (inode is null)
            return -ENFILE;
        inode.i_mode = S_IFIFO | S_IRUSR | S_IWUSR;
        var pipe = new pipe_inode_info();

        // Each end takes a reference, even when it cannot be opened.
        ihold(inode);
        int first = OpenEnd(inode, pipe, O_RDONLY);
        if (first < 0)
        {
            iput(inode);
            return first;
        }

        int second = OpenEnd(inode, pipe, O_WRONLY);
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
        fd_install(fd, end.Value);
        return fd;
    }

    private static nint pipe_read(@file file, Span<byte> buffer, ref long pos)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        mutex_lock(pipe.mutex);
        int n = pipe.Read(buffer);
        mutex_unlock(pipe.mutex);
        return n;
    }

    private static nint pipe_write(@file file, ReadOnlySpan<byte> buffer, ref long pos)
    {
        var pipe = (pipe_inode_info)file.private_data!;
        mutex_lock(pipe.mutex);
        int n = pipe.Write(buffer);
        mutex_unlock(pipe.mutex);
        return n == 0 && buffer.Length != 0 ? -EAGAIN : n;
    }

    internal static pipe_inode_info? get_pipe_info(@file file) => file.private_data as pipe_inode_info;

    /// <summary>pipe2(2): both descriptors go to user memory, or neither exists.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_pipe2(ulong fildes, uint flags)
    {
        if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0)
            return -EINVAL;
        int error = do_pipe_flags(current.kernel, out int read_end, out int write_end);
        if (error != 0)
            return error;
        if (put_user((ulong)(uint)read_end | ((ulong)(uint)write_end << 32), fildes) == 0)
            return 0;
        _ = close_fd((uint)read_end);
        _ = close_fd((uint)write_end);
        return -EFAULT;
    }
}
