// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/refcount.h, Linux 6.18.
namespace Linux;

internal enum refcount_saturation_type
{
    REFCOUNT_ADD_NOT_ZERO_OVF,
    REFCOUNT_ADD_OVF,
    REFCOUNT_ADD_UAF,
    REFCOUNT_SUB_UAF,
    REFCOUNT_DEC_LEAK,
}

internal static class RefcountH
{
    internal const int REFCOUNT_MAX = int.MaxValue;

    /// <summary>Half way between INT_MIN and 0: racing increments and decrements cannot carry a saturated count back into use.</summary>
    internal const int REFCOUNT_SATURATED = int.MinValue / 2;

    internal static void refcount_set(ref refcount_t r, int n) => atomic_set(ref r.refs, n);

    internal static uint refcount_read(ref refcount_t r) => (uint)atomic_read(ref r.refs);

    internal static void refcount_add(int i, ref refcount_t r)
    {
        int old = atomic_fetch_add(i, ref r.refs);
        if (old <= 0 || old + i < 0)
            Refcount.refcount_warn_saturate(ref r, old == 0 ? refcount_saturation_type.REFCOUNT_ADD_UAF : refcount_saturation_type.REFCOUNT_ADD_OVF);
    }

    /// <summary>The caller has a reference already; a count of 0 is a use after free and saturates.</summary>
    internal static void refcount_inc(ref refcount_t r) => refcount_add(1, ref r);

    /// <summary>Takes references unless the object is going; false then.</summary>
    [MustCheck]
    internal static bool refcount_add_not_zero(int i, ref refcount_t r)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        int old = Volatile.Read(ref r.refs.counter);
        while (old != 0)
        {
            int seen = Interlocked.CompareExchange(ref r.refs.counter, old + i, old);
            if (seen == old)
                break;
            old = seen;
        }

        if (old < 0 || old + i < 0)
            Refcount.refcount_warn_saturate(ref r, refcount_saturation_type.REFCOUNT_ADD_NOT_ZERO_OVF);
        return old != 0;
    }

    [MustCheck]
    internal static bool refcount_inc_not_zero(ref refcount_t r) => refcount_add_not_zero(1, ref r);

    /// <summary>Drops references; true for the last one, whose owner frees the object.</summary>
    [MustCheck]
    internal static bool refcount_sub_and_test(int i, ref refcount_t r)
    {
        int old = atomic_fetch_add(-i, ref r.refs);
        if (old > 0 && old == i)
            return true;
        if (old <= 0 || old - i < 0)
            Refcount.refcount_warn_saturate(ref r, refcount_saturation_type.REFCOUNT_SUB_UAF);
        return false;
    }

    [MustCheck]
    internal static bool refcount_dec_and_test(ref refcount_t r) => refcount_sub_and_test(1, ref r);

    /// <summary>Drops a reference that is known not to be the last one.</summary>
    internal static void refcount_dec(ref refcount_t r)
    {
        if (atomic_fetch_add(-1, ref r.refs) <= 1)
            Refcount.refcount_warn_saturate(ref r, refcount_saturation_type.REFCOUNT_DEC_LEAK);
    }
}
