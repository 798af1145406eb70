// SPDX-License-Identifier: GPL-2.0-only
// Mirrors lib/percpu-refcount.c, Linux 6.18.
namespace Linux;

/// <summary>
/// A reference count that cannot end before it is killed. The counting is one atomic here: the model has no use for per-CPU counting, only for its rules.
/// </summary>
internal sealed class percpu_ref
{
    internal readonly Action<percpu_ref> release;
    internal atomic64_t count;

    /// <summary>Set by percpu_ref_kill(); no new reference by tryget_live from then on.</summary>
    internal int dead;

    internal percpu_ref(Action<percpu_ref> release)
    {
        this.release = release;
        this.count.counter = 1;
    }
}

internal static class PercpuRefcount
{
    internal static void percpu_ref_get(percpu_ref @ref) => _ = atomic64_add_return(1, ref @ref.count);

    /// <summary>Takes a reference unless the count has ended.</summary>
    [MustCheck]
    internal static bool percpu_ref_tryget(percpu_ref @ref)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic, @ref);
        long seen = Volatile.Read(ref @ref.count.counter);
        while (seen != 0)
        {
            long was = Interlocked.CompareExchange(ref @ref.count.counter, seen + 1, seen);
            if (was == seen)
                return true;
            seen = was;
        }

        return false;
    }

    /// <summary>Takes a reference unless the object was killed.</summary>
    [MustCheck]
    internal static bool percpu_ref_tryget_live(percpu_ref @ref) => Volatile.Read(ref @ref.dead) == 0 && percpu_ref_tryget(@ref);

    internal static void percpu_ref_put(percpu_ref @ref)
    {
        long left = atomic64_add_return(-1, ref @ref.count);
        if (left == 0)
            @ref.release(@ref);
        else if (WARN_ON(left < 0))
            atomic64_set(ref @ref.count, long.MinValue / 2);
    }

    /// <summary>Drops the initial reference; the object ends when the last of the others goes.</summary>
    internal static void percpu_ref_kill(percpu_ref @ref)
    {
        if (WARN_ON_ONCE(Interlocked.Exchange(ref @ref.dead, 1) != 0))
            return;
        percpu_ref_put(@ref);
    }

    internal static bool percpu_ref_is_dying(percpu_ref @ref) => Volatile.Read(ref @ref.dead) != 0;
}
