// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/sched/core.c, Linux 6.18.
namespace Linux;

// A task is an OS thread; a simulated CPU is a resource it must own to run kernel code or a guest.
//
//   entering the kernel    one CAS on the CPU it had last; else it queues and sleeps until a CPU is handed over
//   leaving, blocking      the CPU is given up; if tasks queue, one of them is handed an idle CPU
//
// Lock order:
//
//   SchedLock              host lock: queue of tasks that want a CPU, timers, idle detection
//     task.parking         host lock of one task's sleep; a leaf
//
// No lost wakeup: giving up a CPU is a full barrier followed by a look at nr_waiting; queueing is an increment of nr_waiting (full barrier) followed by
// a look at every CPU.
internal sealed partial class Kernel
{
    internal readonly rq[] runqueues;

    internal readonly Lock SchedLock = new();

    /// <summary>Tasks in the queue below; read without the lock as a hint that is never stale in the harmful direction.</summary>
    internal int nr_waiting;

    /// <summary>Tasks that were woken and have not reached the queue or a CPU yet; keeps the idle detector from firing timers too early.</summary>
    internal int nr_waking;

    [GuardedBy("SchedLock")]
    internal task_struct? queue_head;

    [GuardedBy("SchedLock")]
    internal task_struct? queue_tail;
}

internal sealed partial class task_struct
{
    private readonly object parking = new();
    private bool parked;

    // Next in the queue for a CPU; guarded by Kernel.SchedLock.
    internal task_struct? queue_next;

    /// <summary>Set by whoever hands a CPU to the queued task.</summary>
    internal bool cpu_granted;

    // The task has committed to block; guarded by parking. Whoever clears it counts the task in Kernel.nr_waking.
    private bool sleeping;

    // Time of the waker's CPU in picoseconds; guarded by parking until the task runs.
    private long wakeClock;

    /// <summary>Commits to block, unless somebody made the task runnable since it announced its sleep.</summary>
    internal bool CommitSleep()
    {
        lock (this.parking)
        {
            if (Volatile.Read(ref this.__state) == TASK_RUNNING)
                return false;
            this.sleeping = true;
            return true;
        }
    }

    /// <summary>The second half of blocking: sleeps until woken, then takes a CPU.</summary>
    internal void SleepUntilWoken()
    {
        while (Volatile.Read(ref this.sleeping))
            this.Park();
        Core.AcquireCpu(this);

        // What woke the task happened before it goes on, also in simulated time.
        this.rq.hw.AdvanceTo(this.wakeClock);
        Interlocked.Decrement(ref this.kernel.nr_waking);
    }

    /// <summary>Makes the task runnable if it is in one of the given states.</summary>
    internal bool Wake(int states)
    {
        lock (this.parking)
        {
            int old = Volatile.Read(ref this.__state);
            if ((old & states) == 0 || Interlocked.CompareExchange(ref this.__state, TASK_RUNNING, old) != old)
                return false;

            // A task that has not committed yet finds TASK_RUNNING when it tries to.
            if (this.sleeping)
            {
                Interlocked.Increment(ref this.kernel.nr_waking);
                if (CurrentOrNull is { } waker && ReferenceEquals(waker.kernel, this.kernel) && waker.OnCpu)
                    this.wakeClock = waker.rq.hw.Clock;
                Volatile.Write(ref this.sleeping, false);
                this.Unpark();
            }

            return true;
        }
    }

    /// <summary>Sleeps until <see cref="Unpark"/>; returns early when there was one since the last call. The caller checks its condition again.</summary>
    internal void Park()
    {
        if (SchedulingPoints.IsSupported && this.kernel.Explorer is { } explorer)
        {
            explorer.Park(this);
            return;
        }

        lock (this.parking)
        {
            while (!this.parked)
                Monitor.Wait(this.parking);
            this.parked = false;
        }
    }

    /// <summary>Wakes the task out of <see cref="Park"/>, or makes its next call return at once.</summary>
    internal void Unpark()
    {
        if (SchedulingPoints.IsSupported && this.kernel.Explorer is { } explorer)
        {
            explorer.Unpark(this);
            return;
        }

        lock (this.parking)
        {
            this.parked = true;
            Monitor.Pulse(this.parking);
        }
    }
}

internal static partial class Core
{
    /// <summary>Takes a CPU for the task: the one it had last if that is free, else any it may run on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AcquireCpu(task_struct task)
    {
        if (!task.rq.TryOwn(task))
            AcquireCpuSlow(task);
        else if (task.mm is not null && !ReferenceEquals(task.rq.loaded_mm, task.mm))
            context_switch_mm(task);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void ReleaseCpu(task_struct task)
    {
        Kernel kernel = task.kernel;
        if (Volatile.Read(ref kernel.nr_timers) != 0)
        {
            ReleaseCpuAndRunTimers(task);
            return;
        }

        task.rq.Disown();
        if (Volatile.Read(ref kernel.nr_waiting) != 0)
            Dispatch(kernel);
    }

    internal static bool MayRunOn(task_struct task, rq rq) =>
        task.migration_disabled != 0 ? ReferenceEquals(rq, task.rq) : task.cpus_mask.Contains(rq.cpu);

    /// <summary>Blocks if the task announced so with set_current_state() and nobody woke it since; else just offers its CPU to others.</summary>
    [MightSleep]
    internal static void schedule()
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.Wait, null);
        if (task.preempt_count != 0 || task.irqs_off || task.rcu_read_lock_nesting != 0)
            ScheduleWhileAtomic(task);
        int state = Volatile.Read(ref task.__state);
        if (state == TASK_RUNNING)
        {
            if (Volatile.Read(ref task.kernel.nr_waiting) != 0)
                Yield(task);
            return;
        }

        if (signal_pending_state(state, task))
        {
            Volatile.Write(ref task.__state, TASK_RUNNING);
            return;
        }

        rcu_note_context_switch(task);
        if (!task.CommitSleep())
            return;
        ReleaseCpu(task);
        task.SleepUntilWoken();
    }

    /// <summary>What every task does, and what it holds; the last lock of a blocked one is what it waits for.</summary>
    internal static string show_state(Kernel kernel)
    {
        var text = new System.Text.StringBuilder();
        foreach (task_struct task in kernel.Tasks)
        {
            string state = Volatile.Read(ref task.__state) switch
            {
                TASK_RUNNING => task.OnCpu ? $"runs on CPU {task.rq.cpu}" : "in user mode or without a CPU",
                var other => $"sleeps, state {other}",
            };
            text.AppendLine($"task {task}: {state}");
            if (task.lockdep is not { } locks)
                continue;
            foreach (held_lock held in locks.Held)
                text.AppendLine($"    {held.mode} {held.instance?.name} from {held.function}():{held.line}");
        }

        return text.ToString();
    }

    internal static int wake_up_process(task_struct task) => try_to_wake_up(task, TASK_NORMAL) ? 1 : 0;

    internal static int wake_up_state(task_struct task, int state) => try_to_wake_up(task, state) ? 1 : 0;

    /// <summary>
    /// Makes the task runnable if it is in one of the given states. A full barrier comes first: a task that announced its sleep with set_current_state()
    /// either sees what the waker wrote before, or is seen here.
    /// </summary>
    internal static bool try_to_wake_up(task_struct task, int state)
    {
        SchedulingPoints.Hit(SchedulingPoint.Wake, task);
        Interlocked.MemoryBarrier();
        return (Volatile.Read(ref task.__state) & state) != 0 && task.Wake(state);
    }

    internal static int __cond_resched(task_struct task)
    {
        task.rq.hw.Poll();
        if (Volatile.Read(ref task.kernel.nr_waiting) == 0 || task.preempt_count != 0 || task.irqs_off || task.rcu_read_lock_nesting != 0)
            return 0;
        Yield(task);
        return 1;
    }

    [MightSleep]
    internal static void yield()
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.Yield, null);
        if (Volatile.Read(ref task.kernel.nr_waiting) != 0)
            Yield(task);
    }

    /// <summary>Restricts the task to some CPUs; moves it at once if it runs on another one.</summary>
    [MightSleep]
    [MustCheck]
    internal static int set_cpus_allowed_ptr(task_struct task, in CpuSet mask)
    {
        CpuSet possible = mask;
        possible.IntersectWith(task.kernel.machine.AllCpus);
        if (possible.IsEmpty)
            return -EINVAL;
        task.cpus_mask = possible;
        if (ReferenceEquals(task, CurrentH.CurrentOrNull) && task.OnCpu && !MayRunOn(task, task.rq))
            Yield(task);
        return 0;
    }

    /// <summary>Complains about a sleeping operation in a context that cannot sleep.</summary>
    [MightSleep]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void might_sleep([CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.Yield, null);
        if (task.preempt_count != 0 || task.irqs_off || task.rcu_read_lock_nesting != 0)
            MightSleepSplat(task, function, line);
    }

    internal static void cpu_relax()
    {
        task_struct task = current;
        task.rq.hw.Poll();
        Relax(task, null);
    }

    /// <summary>One turn of a spin loop that waits for another task.</summary>
    internal static void Relax(task_struct task, object? target)
    {
        if (SchedulingPoints.IsSupported && task.kernel.Explorer is { } explorer)
            explorer.Spin(task, target);
        else
            Thread.Yield();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MightSleepSplat(task_struct task, string function, int line)
    {
        task.kernel.AddWarning(KernelOops.Compose(
            $"BUG: sleeping function called from invalid context at {function}():{line}, in_atomic(): {(task.preempt_count != 0 ? 1 : 0)}, " +
            $"irqs_disabled(): {(task.irqs_off ? 1 : 0)}, RCU nest depth: {task.rcu_read_lock_nesting}", task, Environment.StackTrace));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ScheduleWhileAtomic(task_struct task) =>
        throw new KernelOops($"BUG: scheduling while atomic: {task}, preempt_count 0x{task.preempt_count:x}, irqs {(task.irqs_off ? "off" : "on")}, " +
            $"RCU nest depth {task.rcu_read_lock_nesting}");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AcquireCpuSlow(task_struct task)
    {
        Kernel kernel = task.kernel;
        lock (kernel.SchedLock)
        {
            task.queue_next = null;
            task.cpu_granted = false;
            if (kernel.queue_tail is null)
                kernel.queue_head = task;
            else
                kernel.queue_tail.queue_next = task;
            kernel.queue_tail = task;
            Interlocked.Increment(ref kernel.nr_waiting);
            DispatchLocked(kernel);
        }

        while (!Volatile.Read(ref task.cpu_granted))
            task.Park();
        if (task.mm is not null && !ReferenceEquals(task.rq.loaded_mm, task.mm))
            context_switch_mm(task);
    }

    private static void Yield(task_struct task)
    {
        // Counted as waking, or the idle detector would take a yielding task for a sleeping one.
        Kernel kernel = task.kernel;
        Interlocked.Increment(ref kernel.nr_waking);
        ReleaseCpu(task);
        AcquireCpuSlow(task);
        Interlocked.Decrement(ref kernel.nr_waking);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Dispatch(Kernel kernel)
    {
        lock (kernel.SchedLock)
            DispatchLocked(kernel);
    }

    [MustHold("kernel.SchedLock")]
    private static void DispatchLocked(Kernel kernel)
    {
        task_struct? previous = null;
        for (task_struct? task = kernel.queue_head; task is not null;)
        {
            task_struct? next = task.queue_next;
            rq? rq = FindIdle(kernel, task);
            if (rq is null)
            {
                previous = task;
            }
            else
            {
                if (previous is null)
                    kernel.queue_head = next;
                else
                    previous.queue_next = next;
                if (next is null)
                    kernel.queue_tail = previous;
                Interlocked.Decrement(ref kernel.nr_waiting);
                rq.AdvanceTo(task.rq.Clock);
                task.rq = rq;
                Volatile.Write(ref task.cpu_granted, true);
                task.Unpark();
            }

            task = next;
        }
    }

    /// <summary>Takes an idle CPU for the task, its last one first.</summary>
    private static rq? FindIdle(Kernel kernel, task_struct task)
    {
        if (MayRunOn(task, task.rq) && task.rq.TryOwn(task))
            return task.rq;
        foreach (rq rq in kernel.runqueues)
        {
            if (MayRunOn(task, rq) && rq.TryOwn(task))
                return rq;
        }

        return null;
    }
}
