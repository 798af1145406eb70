// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/futex/waitwake.c, Linux 6.18.
namespace Linux;

internal static class Waitwake
{
    /// <summary>Wakes waiters. The model's programs never wait on a futex, so there are none; what shows is how the word is found.</summary>
    /// <returns>The number woken, 0, or a negative errno.</returns>
    [MightSleep]
    internal static int futex_wake(ulong uaddr, bool fshared, int nr_wake)
    {
        _ = nr_wake;
        return get_futex_key(uaddr, fshared, out _, write: false);
    }
}
