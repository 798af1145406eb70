// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/atomic/atomic-instrumented.h, Linux 6.18.
namespace Linux;

// Operations that return a value are full barriers, as in Linux; the others are at least atomic.
internal static class AtomicInstrumentedH
{
    internal static int atomic_read(ref atomic_t v)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Volatile.Read(ref v.counter);
    }

    internal static void atomic_set(ref atomic_t v, int i)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Volatile.Write(ref v.counter, i);
    }

    internal static void atomic_add(int i, ref atomic_t v)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Interlocked.Add(ref v.counter, i);
    }

    internal static void atomic_sub(int i, ref atomic_t v) => atomic_add(-i, ref v);

    internal static void atomic_inc(ref atomic_t v) => atomic_add(1, ref v);

    internal static void atomic_dec(ref atomic_t v) => atomic_add(-1, ref v);

    internal static int atomic_add_return(int i, ref atomic_t v)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Interlocked.Add(ref v.counter, i);
    }

    internal static int atomic_inc_return(ref atomic_t v) => atomic_add_return(1, ref v);

    internal static int atomic_dec_return(ref atomic_t v) => atomic_add_return(-1, ref v);

    internal static int atomic_fetch_add(int i, ref atomic_t v) => atomic_add_return(i, ref v) - i;

    internal static bool atomic_dec_and_test(ref atomic_t v) => atomic_add_return(-1, ref v) == 0;

    internal static bool atomic_inc_and_test(ref atomic_t v) => atomic_add_return(1, ref v) == 0;

    internal static bool atomic_sub_and_test(int i, ref atomic_t v) => atomic_add_return(-i, ref v) == 0;

    internal static bool atomic_add_negative(int i, ref atomic_t v) => atomic_add_return(i, ref v) < 0;

    internal static int atomic_cmpxchg(ref atomic_t v, int old, int @new)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Interlocked.CompareExchange(ref v.counter, @new, old);
    }

    internal static bool atomic_try_cmpxchg(ref atomic_t v, ref int old, int @new)
    {
        int seen = atomic_cmpxchg(ref v, old, @new);
        if (seen == old)
            return true;
        old = seen;
        return false;
    }

    internal static int atomic_xchg(ref atomic_t v, int @new)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Interlocked.Exchange(ref v.counter, @new);
    }

    /// <summary>Adds unless the value is u; returns the value before.</summary>
    internal static int atomic_fetch_add_unless(ref atomic_t v, int a, int u)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        int c = Volatile.Read(ref v.counter);
        while (c != u)
        {
            int seen = Interlocked.CompareExchange(ref v.counter, c + a, c);
            if (seen == c)
                break;
            c = seen;
        }

        return c;
    }

    internal static bool atomic_add_unless(ref atomic_t v, int a, int u) => atomic_fetch_add_unless(ref v, a, u) != u;

    internal static bool atomic_inc_not_zero(ref atomic_t v) => atomic_add_unless(ref v, 1, 0);

    internal static long atomic64_read(ref atomic64_t v)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Volatile.Read(ref v.counter);
    }

    internal static void atomic64_set(ref atomic64_t v, long i)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Volatile.Write(ref v.counter, i);
    }

    internal static long atomic64_add_return(long i, ref atomic64_t v)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Interlocked.Add(ref v.counter, i);
    }

    internal static void atomic64_add(long i, ref atomic64_t v) => _ = atomic64_add_return(i, ref v);

    internal static void atomic64_sub(long i, ref atomic64_t v) => _ = atomic64_add_return(-i, ref v);

    internal static void atomic64_inc(ref atomic64_t v) => _ = atomic64_add_return(1, ref v);

    internal static void atomic64_dec(ref atomic64_t v) => _ = atomic64_add_return(-1, ref v);

    internal static long atomic64_cmpxchg(ref atomic64_t v, long old, long @new)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Interlocked.CompareExchange(ref v.counter, @new, old);
    }

    internal static long atomic_long_read(ref atomic64_t v) => atomic64_read(ref v);

    internal static void atomic_long_add(long i, ref atomic64_t v) => atomic64_add(i, ref v);

    internal static void atomic_long_inc(ref atomic64_t v) => atomic64_inc(ref v);

    internal static void atomic_long_dec(ref atomic64_t v) => atomic64_dec(ref v);
}
