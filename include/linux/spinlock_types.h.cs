// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/spinlock_types.h, Linux 6.18.
namespace Linux;

/// <summary>A spinning lock: preemption is off while it is held, and the holder may not sleep.</summary>
[ContextLock(Name = "spinlock", Atomic = true)]
internal sealed class spinlock_t : lockdep_map
{
    private task_struct? owner;

    internal spinlock_t([CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        : base(name, file, line)
    {
    }

    internal bool IsLocked => Volatile.Read(ref this.owner) is not null;

    internal task_struct? Owner => Volatile.Read(ref this.owner);

    [Acquires("this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Enter(task_struct task, int subclass, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        task.preempt_count += PREEMPT_OFFSET;
        if (task.lockdep is not null)
            task.lockdep.Acquire(this, subclass, trylock: false, LockMode.Exclusive, function, line);
        if (Interlocked.CompareExchange(ref this.owner, task, null) is not null)
            this.Spin(task);
    }

    [CondAcquires(true, "this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryEnter(task_struct task, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        task.preempt_count += PREEMPT_OFFSET;
        if (Interlocked.CompareExchange(ref this.owner, task, null) is not null)
        {
            task.preempt_count -= PREEMPT_OFFSET;
            return false;
        }

        if (task.lockdep is not null)
            task.lockdep.Acquire(this, 0, trylock: true, LockMode.Exclusive, function, line);
        return true;
    }

    [Releases("this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Exit(task_struct task)
    {
        if (task.lockdep is not null)
            task.lockdep.Release(this);
        if (!ReferenceEquals(this.owner, task))
            this.NotOwner(task);
        Volatile.Write(ref this.owner, null);
        PreemptEnable(task);
        SchedulingPoints.Hit(task, SchedulingPoint.Release, this);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Spin(task_struct task)
    {
        if (ReferenceEquals(this.owner, task))
            throw new KernelOops($"BUG: spinlock recursion on {this.name} by {task}");
        if (SchedulingPoints.IsSupported && task.kernel.Explorer is { } explorer)
        {
            do
                explorer.Spin(task, this);
            while (Interlocked.CompareExchange(ref this.owner, task, null) is not null);
            return;
        }

        var spinner = default(SpinWait);
        do
        {
            // The holder may wait for this CPU to take an interrupt.
            task.rq.hw.Poll();
            spinner.SpinOnce();
        }
        while (Volatile.Read(ref this.owner) is not null || Interlocked.CompareExchange(ref this.owner, task, null) is not null);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NotOwner(task_struct task) =>
        throw new KernelOops($"BUG: spinlock {this.name} released by {task}, owner is {this.owner?.ToString() ?? "nobody"}");
}
