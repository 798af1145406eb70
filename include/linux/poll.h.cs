// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/poll.h, Linux 6.18.
namespace Linux;

internal static class PollH
{
    internal const uint POLLIN = 0x0001;
    internal const uint POLLOUT = 0x0004;
    internal const uint POLLERR = 0x0008;
    internal const uint POLLHUP = 0x0010;
    internal const uint POLLNVAL = 0x0020;
    internal const uint POLLRDNORM = 0x0040;
    internal const uint POLLWRNORM = 0x0100;

    /// <summary>What a file without a poll function always is: readable and writable.</summary>
    internal const uint DEFAULT_POLLMASK = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

    internal static uint vfs_poll(@file file) => file.f_op.poll?.Invoke(file) ?? DEFAULT_POLLMASK;
}
