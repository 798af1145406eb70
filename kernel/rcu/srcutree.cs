// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/rcu/srcutree.c, Linux 6.18.
namespace Linux;

/// <summary>RCU with readers that may sleep. Each CPU counts entries and exits for the two sides of the index; a grace period drains one after the other.</summary>
internal sealed class srcu_struct : lockdep_map
{
    // One cache line a CPU: entries and exits of both sides. Written by whoever owns the CPU, except for exits on another CPU, which are atomic.
    private const int Stride = 8;

    internal readonly mutex srcu_gp_mutex;
    internal readonly wait_queue_head srcu_wq;
    private readonly long[] counts;

    /// <summary>The side new readers use is bit 0.</summary>
    internal uint srcu_idx;
    internal int waiters;

    internal srcu_struct(Kernel kernel, [CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        : base(name, file, line)
    {
        this.srcu_gp_mutex = new mutex(name + ".srcu_gp_mutex", file, line);
        this.srcu_wq = new wait_queue_head(name + ".srcu_wq", file, line);
        this.counts = new long[(kernel.nr_cpu_ids + 1) * Stride];
    }

    internal ref long Locks(int cpu, int idx) => ref this.counts[((cpu + 1) * Stride) + idx];

    internal ref long Unlocks(int cpu, int idx) => ref this.counts[((cpu + 1) * Stride) + 2 + idx];

    /// <summary>True if every reader of the side has left. Exits are summed first: a reader missed in them is not missed in the entries.</summary>
    internal bool Drained(int idx)
    {
        long unlocks = 0;
        for (int i = Stride; i < this.counts.Length; i += Stride)
            unlocks += Volatile.Read(ref this.counts[i + 2 + idx]);
        Interlocked.MemoryBarrierProcessWide();
        long locks = 0;
        for (int i = Stride; i < this.counts.Length; i += Stride)
            locks += Volatile.Read(ref this.counts[i + idx]);
        return locks == unlocks;
    }
}

internal static class Srcutree
{
    /// <summary>Starts a read-side section that may sleep; returns the index to give to srcu_read_unlock().</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int srcu_read_lock(srcu_struct ssp, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.RcuRead, ssp);
        int idx = (int)(Volatile.Read(ref ssp.srcu_idx) & 1);
        Interlocked.Increment(ref ssp.Locks(task.rq.cpu, idx));
        if (task.lockdep is not null)
            task.lockdep.Acquire(ssp, 0, trylock: false, LockMode.SharedRecursive, function, line);
        return idx;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void srcu_read_unlock(srcu_struct ssp, int idx)
    {
        task_struct task = current;
        if (task.lockdep is not null)
            task.lockdep.Release(ssp);
        Interlocked.Increment(ref ssp.Unlocks(task.rq.cpu, idx));
        if (Volatile.Read(ref ssp.waiters) != 0)
            wake_up_all(ssp.srcu_wq);
        SchedulingPoints.Hit(task, SchedulingPoint.RcuUnlock, ssp);
    }

    internal static bool srcu_read_lock_held(srcu_struct ssp) => lockdep_is_held(ssp);

    internal static T? srcu_dereference<T>(ref T? p, srcu_struct ssp)
        where T : class
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        if (current.lockdep is { } held)
            WARN_ON_ONCE(!held.IsHeld(ssp), "suspicious srcu_dereference() usage");
        return Volatile.Read(ref p);
    }

    /// <summary>Reads the pointer in a read-side section or where the condition says what keeps it.</summary>
    internal static T? srcu_dereference_check<T>(ref T? p, srcu_struct ssp, bool c, [CallerArgumentExpression(nameof(c))] string expression = "")
        where T : class
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        if (current.lockdep is { } held)
            WARN_ON_ONCE(!c && !held.IsHeld(ssp), expression);
        return Volatile.Read(ref p);
    }

    /// <summary>Waits until every read-side section of this structure that runs now has ended.</summary>
    [MightSleep]
    internal static void synchronize_srcu(srcu_struct ssp, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.RcuSynchronize, ssp);
        if (task.lockdep is { } held && held.IsHeld(ssp))
        {
            throw new KernelOops(
                $"BUG: {task} calls synchronize_srcu({ssp.name}) inside a read-side section of the same structure: it would wait for itself");
        }

        // The grace period waits for readers as a writer would.
        task.lockdep?.Acquire(ssp, 0, trylock: false, LockMode.Exclusive, function, line);
        task.lockdep?.Release(ssp);

        mutex_lock(ssp.srcu_gp_mutex);
        Interlocked.Increment(ref ssp.waiters);

        // A reader may have read the index before the last flip and counted itself after that grace period: drain that side, too, before it is used again.
        uint idx = ssp.srcu_idx;
        Wait(ssp, (int)((idx ^ 1) & 1));
        Volatile.Write(ref ssp.srcu_idx, idx + 1);
        Interlocked.MemoryBarrierProcessWide();
        Wait(ssp, (int)(idx & 1));
        Interlocked.Decrement(ref ssp.waiters);
        mutex_unlock(ssp.srcu_gp_mutex);
    }

    [MightSleep]
    internal static void synchronize_srcu_expedited(srcu_struct ssp, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        synchronize_srcu(ssp, function, line);

    [MustCheck]
    internal static int init_srcu_struct(srcu_struct ssp) => should_fail(current.kernel, "init_srcu_struct") ? -ENOMEM : 0;

    internal static void cleanup_srcu_struct(srcu_struct ssp)
    {
        if (WARN_ON(!ssp.Drained(0) || !ssp.Drained(1)))
            return;
        debug_check_no_locks_freed(ssp);
    }

    private static void Wait(srcu_struct ssp, int idx) => wait_event(ssp.srcu_wq, (ssp, idx), static s => s.ssp.Drained(s.idx));
}
