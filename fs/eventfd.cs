// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/eventfd.c, Linux 6.18.
namespace Linux;

/// <summary>The counter behind an event descriptor. Changed by atomic operations.</summary>
internal sealed class eventfd_ctx
{
    internal ulong count;
}

internal static class Eventfd
{
    private static readonly file_operations eventfd_fops = new()
    {
        read_iter = eventfd_read,
        write_iter = eventfd_write,
        poll = eventfd_poll,
        llseek = noop_llseek,
    };

    internal static int sys_eventfd2(Kernel kernel, uint count, uint flags)
    {
        if (should_fail(kernel, "eventfd_ctx"))
            return -ENOMEM;
        int fd = get_unused_fd_flags(flags & O_CLOEXEC);
        if (fd < 0)
            return fd;
        ErrPtr<@file> file = anon_inode_getfile(kernel, "[eventfd]", eventfd_fops, new eventfd_ctx { count = count }, O_RDWR | (flags & O_NONBLOCK));
        if (IS_ERR(@file))
        {
            put_unused_fd(fd);
            return PTR_ERR(@file);
        }

        fd_install(fd, file.Value);
        return fd;
    }

    private static uint eventfd_poll(@file file)
    {
        ulong count = Volatile.Read(ref ((eventfd_ctx)file.private_data!).count);
        uint events = count != 0 ? PollH.POLLIN : 0;
        if (count < ulong.MaxValue - 1)
            events |= PollH.POLLOUT;
        return events;
    }

    private static nint eventfd_read(@file file, Span<byte> buffer, ref long pos)
    {
        if (buffer.Length < 8)
            return -EINVAL;
        ulong count = Interlocked.Exchange(ref ((eventfd_ctx)file.private_data!).count, 0);
        if (count == 0)
            return -EAGAIN;
        MemoryMarshal.Write(buffer, in count);
        return 8;
    }

    private static nint eventfd_write(@file file, ReadOnlySpan<byte> buffer, ref long pos)
    {
        if (buffer.Length != 8)
            return -EINVAL;
        ulong add = MemoryMarshal.Read<ulong>(buffer);
        if (add == ulong.MaxValue)
            return -EINVAL;
        var ctx = (eventfd_ctx)file.private_data!;
        ulong seen = Volatile.Read(ref ctx.count);
        while (ulong.MaxValue - seen > add)
        {
            ulong found = Interlocked.CompareExchange(ref ctx.count, seen + add, seen);
            if (found == seen)
                return 8;
            seen = found;
        }

        return -EAGAIN;
    }

    internal static int sys_eventfd2(uint count, uint flags) => sys_eventfd2(current.kernel, count, flags);
}
