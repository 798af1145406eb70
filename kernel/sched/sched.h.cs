// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/sched/sched.h, Linux 6.18.
namespace Linux;

/// <summary>The scheduler's side of one simulated CPU. Whoever is in <see cref="owner"/> runs on it; nobody else touches its per-CPU data.</summary>
internal sealed class rq
{
    internal readonly Kernel kernel;
    internal readonly int cpu;

    private task_struct? owner;
    private long clock;

    internal rq(Kernel kernel, int cpu)
    {
        this.kernel = kernel;
        this.cpu = cpu;
    }

    /// <summary>Simulated time of this CPU in nanoseconds.</summary>
    internal long Clock => Volatile.Read(ref this.clock);

    internal bool Idle => Volatile.Read(ref this.owner) is null;

    internal task_struct? Owner => Volatile.Read(ref this.owner);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsOwner(task_struct task) => ReferenceEquals(Volatile.Read(ref this.owner), task);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryOwn(task_struct task) => Interlocked.CompareExchange(ref this.owner, task, null) is null;

    /// <summary>Full barrier: the caller looks for waiting tasks next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Disown() => Interlocked.Exchange(ref this.owner, null);

    /// <summary>Moves the clock forward to the given time; it never goes back.</summary>
    internal void AdvanceTo(long time)
    {
        if (time > this.clock)
            Volatile.Write(ref this.clock, time);
    }

    internal void DisableInterrupts()
    {
    }

    internal void EnableInterrupts()
    {
    }

    /// <summary>Takes pending inter-processor interrupts, if they are on.</summary>
    internal void Poll()
    {
    }
}
