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
}
