// SPDX-License-Identifier: GPL-2.0-only
// Mirrors lib/refcount.c, Linux 6.18.
namespace Linux;

internal static class Refcount
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void refcount_warn_saturate(ref refcount_t r, refcount_saturation_type t)
    {
        Volatile.Write(ref r.refs.counter, REFCOUNT_SATURATED);
        string text = t switch
        {
            refcount_saturation_type.REFCOUNT_ADD_NOT_ZERO_OVF => "refcount_t: saturated; leaking memory.",
            refcount_saturation_type.REFCOUNT_ADD_OVF => "refcount_t: saturated; leaking memory.",
            refcount_saturation_type.REFCOUNT_ADD_UAF => "refcount_t: addition on 0; use-after-free.",
            refcount_saturation_type.REFCOUNT_SUB_UAF => "refcount_t: underflow; use-after-free.",
            _ => "refcount_t: decrement hit 0; leaking memory.",
        };
        Kernel kernel = current.kernel;
        kernel.AddWarning(KernelOops.Compose("WARNING: " + text, current, Environment.StackTrace));
    }

    /// <summary>Drops the only reference if there is exactly one.</summary>
    [MustCheck]
    internal static bool refcount_dec_if_one(ref refcount_t r) => atomic_cmpxchg(ref r.refs, 1, 0) == 1;

    /// <summary>Drops a reference unless it is the last one.</summary>
    [MustCheck]
    internal static bool refcount_dec_not_one(ref refcount_t r)
    {
        int val = atomic_read(ref r.refs);
        while (true)
        {
            if (val == REFCOUNT_SATURATED)
                return true;
            if (val == 1)
                return false;
            if (val <= 0)
            {
                refcount_warn_saturate(ref r, refcount_saturation_type.REFCOUNT_SUB_UAF);
                return true;
            }

            if (atomic_try_cmpxchg(ref r.refs, ref val, val - 1))
                return true;
        }
    }

    /// <summary>Drops a reference; for the last one returns true with the mutex held.</summary>
    [CondAcquires(true, "lock")]
    [MightSleep]
    [MustCheck]
    internal static bool refcount_dec_and_mutex_lock(ref refcount_t r, mutex @lock)
    {
        if (refcount_dec_not_one(ref r))
            return false;
        mutex_lock(@lock);
        if (refcount_dec_and_test(ref r))
            return true;
        mutex_unlock(@lock);
        return false;
    }

    /// <summary>Drops a reference; for the last one returns true with the spinlock held.</summary>
    [CondAcquires(true, "lock")]
    [MustCheck]
    internal static bool refcount_dec_and_lock(ref refcount_t r, spinlock_t @lock)
    {
        if (refcount_dec_not_one(ref r))
            return false;
        spin_lock(@lock);
        if (refcount_dec_and_test(ref r))
            return true;
        spin_unlock(@lock);
        return false;
    }
}
