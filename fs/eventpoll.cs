// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/eventpoll.c, Linux 6.18.
namespace Linux;

internal static class Eventpoll
{
    /// <summary>EPOLL_CTL_ADD to a new epoll instance, which is all that is modelled: may the file be watched at all.</summary>
    [MustCheck]
    internal static int do_epoll_add(uint fd)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        int error = file.f_op.poll is null ? -EPERM : should_fail(file.kernel, "eventpoll_epi") ? -ENOMEM : 0;
        fput(@file);
        return error;
    }
}
