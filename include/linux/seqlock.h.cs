// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/seqlock.h, Linux 6.18.
namespace Linux;

/// <summary>A counter that is odd while a writer is in; readers retry when it moved. Writers exclude each other by a lock of their own.</summary>
internal struct seqcount_t
{
    internal uint sequence;
}

/// <summary>A sequence counter with the spinlock of its writers.</summary>
internal sealed class seqlock_t
{
    internal readonly spinlock_t @lock;
    internal seqcount_t seqcount;

    internal seqlock_t([CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        this.@lock = new spinlock_t(name, file, line);
    }
}

internal static class SeqlockH
{
    /// <summary>Waits until no writer is in and returns the sequence to check with read_seqcount_retry().</summary>
    internal static uint read_seqcount_begin(ref seqcount_t s)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        while (true)
        {
            uint seq = Volatile.Read(ref s.sequence);
            if ((seq & 1) == 0)
                return seq;
            Core.cpu_relax();
        }
    }

    internal static uint raw_read_seqcount(ref seqcount_t s) => Volatile.Read(ref s.sequence);

    /// <summary>True if a writer came in between; everything read since begin is void then.</summary>
    internal static bool read_seqcount_retry(ref seqcount_t s, uint start)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);

        // Pairs with the barrier in write_seqcount_end(): data reads above may not sink below the second look.
        Volatile.ReadBarrier();
        return Volatile.Read(ref s.sequence) != start;
    }

    internal static void write_seqcount_begin(ref seqcount_t s)
    {
        current.preempt_count += PREEMPT_OFFSET;
        Volatile.Write(ref s.sequence, s.sequence + 1);
        Interlocked.MemoryBarrier();
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
    }

    internal static void write_seqcount_end(ref seqcount_t s)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Volatile.Write(ref s.sequence, s.sequence + 1);
        preempt_enable();
    }

    internal static uint read_seqbegin(seqlock_t sl) => read_seqcount_begin(ref sl.seqcount);

    internal static bool read_seqretry(seqlock_t sl, uint start) => read_seqcount_retry(ref sl.seqcount, start);

    [Acquires("sl.lock")]
    internal static void write_seqlock(seqlock_t sl)
    {
        spin_lock(sl.@lock);
        write_seqcount_begin(ref sl.seqcount);
    }

    [Releases("sl.lock")]
    internal static void write_sequnlock(seqlock_t sl)
    {
        write_seqcount_end(ref sl.seqcount);
        spin_unlock(sl.@lock);
    }
}
