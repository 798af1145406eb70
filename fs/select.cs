// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/select.c, Linux 6.18.
namespace Linux;

internal static class Select
{
    /// <summary>poll(2) of one descriptor without waiting.</summary>
    /// <returns>1 if anything is reported, else 0.</returns>
    internal static int do_pollfd(int fd, uint events, out uint revents)
    {
        revents = 0;
        if (fd < 0)
            return 0;
        @file? file = fget((uint)fd);
        if (file is null)
        {
            revents = PollH.POLLNVAL;
            return 1;
        }

        revents = PollH.vfs_poll(@file) & (events | PollH.POLLERR | PollH.POLLHUP);
        fput(@file);
        return revents != 0 ? 1 : 0;
    }

    /// <summary>poll(2). The timeout must be 0: nothing here ever wakes a waiter.</summary>
    [MustCheck]
    [MightSleep]
    internal static long sys_poll(ulong ufds, uint nfds, int timeout_msecs)
    {
        const ulong SizeOfPollfd = 8;
        _ = timeout_msecs;
        if (nfds > rlimit(ResourceH.RLIMIT_NOFILE))
            return -EINVAL;
        long ready = 0;
        for (ulong i = 0; i < nfds; i++)
        {
            ulong at = ufds + (i * SizeOfPollfd);
            if (get_user(out ulong pollfd, at) != 0)
                return -EFAULT;
            ready += do_pollfd((int)pollfd, (uint)(pollfd >> 32) & 0xFFFF, out uint revents);
            if (put_user((ushort)revents, at + 6) != 0)
                return -EFAULT;
        }

        return ready;
    }
}
