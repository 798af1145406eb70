// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/futex/syscalls.c, Linux 6.18.
namespace Linux;

internal static class Syscalls
{
    private const int FUTEX_WAKE = 1;
    private const int FUTEX_PRIVATE_FLAG = 128;
    private const int FUTEX_CMD_MASK = ~(128 | 256);

    /// <summary>futex(2), of whose commands a program without a second thread has use for one: FUTEX_WAKE.</summary>
    [MightSleep]
    internal static long sys_futex(ulong uaddr, int op, uint val) =>
        (op & FUTEX_CMD_MASK) == FUTEX_WAKE ? Waitwake.futex_wake(uaddr, (op & FUTEX_PRIVATE_FLAG) == 0, (int)val) : -ENOSYS;
}
