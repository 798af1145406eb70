// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/kref.h, Linux 6.18.
namespace Linux;

internal struct kref
{
    internal refcount_t refcount;
}

internal static class KrefH
{
    internal static void kref_init(ref kref kref) => refcount_set(ref kref.refcount, 1);

    internal static uint kref_read(ref kref kref) => refcount_read(ref kref.refcount);

    internal static void kref_get(ref kref kref) => refcount_inc(ref kref.refcount);

    [MustCheck]
    internal static bool kref_get_unless_zero(ref kref kref) => refcount_inc_not_zero(ref kref.refcount);

    /// <summary>Drops a reference and calls release for the last one; returns 1 then.</summary>
    internal static int kref_put<T>(ref kref kref, T owner, Action<T> release)
    {
        if (!refcount_dec_and_test(ref kref.refcount))
            return 0;
        release(owner);
        return 1;
    }
}
