// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mutex_types.h, Linux 6.18.
namespace Linux;

/// <summary>A sleeping lock with one owner.</summary>
[ContextLock(Name = "mutex")]
internal sealed class mutex : lockdep_map
{
    // Host lock around the list of waiters; a leaf, never held across a scheduling point.
    private readonly Lock waitLock = new();

    private task_struct? owner;

    // Waiters in the list; a full barrier separates every change of owner and of this from the look at the other one.
    private int waiters;
    private MutexWaiter? first;
    private MutexWaiter? last;

    internal mutex([CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        : base(name, file, line)
    {
    }

    internal bool IsLocked => Volatile.Read(ref this.owner) is not null;

    internal task_struct? Owner => Volatile.Read(ref this.owner);

    /// <summary>Returns 0, or -EINTR when a signal that the state allows came first.</summary>
    [CondAcquires(true, "this")]
    [MightSleep]
    [MustCheck]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Enter(task_struct task, int state, int subclass, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        if ((task.preempt_count | task.rcu_read_lock_nesting) != 0 || task.irqs_off)
            Core.might_sleep(function, line);
        if (task.lockdep is not null)
            task.lockdep.Acquire(this, subclass, trylock: false, LockMode.Exclusive, function, line);
        if (Interlocked.CompareExchange(ref this.owner, task, null) is null)
            return 0;
        return this.Slow(task, state);
    }

    [CondAcquires(true, "this")]
    internal bool TryEnter(task_struct task, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        if (Interlocked.CompareExchange(ref this.owner, task, null) is not null)
            return false;
        task.lockdep?.Acquire(this, 0, trylock: true, LockMode.Exclusive, function, line);
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
        Interlocked.Exchange(ref this.owner, null);
        if (Volatile.Read(ref this.waiters) != 0)
            this.WakeFirst();
        SchedulingPoints.Hit(task, SchedulingPoint.Release, this);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Slow(task_struct task, int state)
    {
        if (ReferenceEquals(Volatile.Read(ref this.owner), task))
            throw new KernelOops($"BUG: mutex {this.name} taken twice by {task}: it would wait for itself");
        if (!SchedulingPoints.IsSupported || task.kernel.Explorer is null)
        {
            // The owner runs and most critical sections are short.
            for (int i = 0; i < 20; i++)
            {
                Thread.SpinWait(8);
                if (Volatile.Read(ref this.owner) is null && Interlocked.CompareExchange(ref this.owner, task, null) is null)
                    return 0;
            }
        }

        MutexWaiter waiter = task.mutex_waiter ??= new MutexWaiter(task);
        lock (this.waitLock)
        {
            waiter.Previous = this.last;
            waiter.Next = null;
            if (this.last is null)
                this.first = waiter;
            else
                this.last.Next = waiter;
            this.last = waiter;
            Interlocked.Increment(ref this.waiters);
        }

        int ret = 0;
        while (true)
        {
            set_current_state(state);
            if (Interlocked.CompareExchange(ref this.owner, task, null) is null)
                break;
            if (signal_pending_state(state, task))
            {
                ret = -EINTR;
                break;
            }

            schedule();
        }

        __set_current_state(TASK_RUNNING);
        lock (this.waitLock)
        {
            if (waiter.Previous is null)
                this.first = waiter.Next;
            else
                waiter.Previous.Next = waiter.Next;
            if (waiter.Next is null)
                this.last = waiter.Previous;
            else
                waiter.Next.Previous = waiter.Previous;
            Interlocked.Decrement(ref this.waiters);
        }

        if (ret != 0)
        {
            // The wakeup this waiter may have eaten belongs to the next one.
            if (Volatile.Read(ref this.owner) is null && Volatile.Read(ref this.waiters) != 0)
                this.WakeFirst();
            task.lockdep?.Release(this);
        }

        return ret;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WakeFirst()
    {
        task_struct? task;
        lock (this.waitLock)
            task = this.first?.Task;
        if (task is not null)
            try_to_wake_up(task, TASK_NORMAL | TASK_WAKEKILL);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NotOwner(task_struct task) =>
        throw new KernelOops($"BUG: mutex {this.name} released by {task}, owner is {this.owner?.ToString() ?? "nobody"}");
}

/// <summary>A task in the list of a mutex; a task waits for one mutex at a time.</summary>
internal sealed class MutexWaiter(task_struct task)
{
    internal task_struct Task { get; } = task;

    internal MutexWaiter? Next { get; set; }

    internal MutexWaiter? Previous { get; set; }
}

internal sealed partial class task_struct
{
    internal MutexWaiter? mutex_waiter;
}
