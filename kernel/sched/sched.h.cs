// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/sched/sched.h, Linux 6.18.
namespace Linux;

/// <summary>The scheduler's side of one simulated CPU. Whoever is in <see cref="owner"/> runs on it; nobody else touches its per-CPU data.</summary>
internal sealed class rq
{
    internal readonly Kernel kernel;
    internal readonly int cpu;

    /// <summary>The silicon: TLBs, events, clock. Belongs to the owner.</summary>
    internal readonly Cpu hw;

    /// <summary>The address space whose tables the CPU has loaded; a kernel task leaves those of the last user there. Written by the owner.</summary>
    internal mm_struct? loaded_mm;

    private task_struct? owner;

    internal rq(Kernel kernel, Cpu hw)
    {
        this.kernel = kernel;
        this.hw = hw;
        this.cpu = hw.Id;
    }

    /// <summary>Simulated time of this CPU in nanoseconds.</summary>
    internal long Clock => this.hw.Clock / 1000;

    internal bool Idle => this.hw.State != CpuState.Running;

    internal task_struct? Owner => Volatile.Read(ref this.owner);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsOwner(task_struct task) => ReferenceEquals(Volatile.Read(ref this.owner), task);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryOwn(task_struct task)
    {
        if (!this.hw.TryAcquire())
            return false;
        Volatile.Write(ref this.owner, task);
        return true;
    }

    /// <summary>Full barrier: the caller looks for waiting tasks next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Disown()
    {
        Volatile.Write(ref this.owner, null);
        this.hw.Release();
    }

    /// <summary>Moves the clock forward to the given time in nanoseconds; it never goes back. Only for the owner.</summary>
    internal void AdvanceTo(long time) => this.hw.AdvanceTo(time * 1000);
}
