// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/time/timer.c, Linux 6.18.
namespace Linux;

/// <summary>A one-shot timer in simulated time. The function runs in softirq context on some CPU.</summary>
internal sealed class timer_list
{
    internal readonly Action<timer_list> function;

    /// <summary>Deadline in simulated nanoseconds; guarded by Kernel.SchedLock while the timer is pending.</summary>
    internal long expires;
    internal timer_list? next;
    internal bool pending;

    internal timer_list(Action<timer_list> function, object? data = null)
    {
        this.function = function;
        this.data = data;
    }

    internal object? data { get; }
}

internal sealed partial class Kernel
{
    /// <summary>Pending timers; not zero sends every release of a CPU through the idle detector.</summary>
    internal int nr_timers;

    // Sorted by deadline; equal deadlines fire in the order they were added.
    [GuardedBy("SchedLock")]
    internal timer_list? timers;

    /// <summary>The latest simulated time any CPU has reached, in nanoseconds.</summary>
    internal long SimulatedNanoseconds => this.machine.NowPs / 1000;

    /// <summary>Ticks of 1/HZ simulated seconds since boot.</summary>
    internal ulong jiffies => (ulong)(this.SimulatedNanoseconds / Timer.TICK_NSEC);
}

internal static class Timer
{
    internal const long NSEC_PER_SEC = 1_000_000_000;
    internal const long TICK_NSEC = NSEC_PER_SEC / HZ;

    /// <summary>Simulated time of the current CPU in nanoseconds.</summary>
    internal static long ktime_get() => current.rq.Clock;

    internal static void mod_timer(timer_list timer, long expires)
    {
        Kernel kernel = current.kernel;
        lock (kernel.SchedLock)
        {
            Unlink(kernel, timer);
            timer.expires = expires;
            timer.pending = true;
            Interlocked.Increment(ref kernel.nr_timers);
            if (kernel.timers is null || expires < kernel.timers.expires)
            {
                timer.next = kernel.timers;
                kernel.timers = timer;
                return;
            }

            timer_list at = kernel.timers;
            while (at.next is not null && at.next.expires <= expires)
                at = at.next;
            timer.next = at.next;
            at.next = timer;
        }
    }

    /// <summary>Stops a pending timer. Returns 1 if it was pending.</summary>
    internal static int timer_delete(timer_list timer)
    {
        Kernel kernel = current.kernel;
        lock (kernel.SchedLock)
            return Unlink(kernel, timer) ? 1 : 0;
    }

    /// <summary>
    /// Sleeps for the given ticks of simulated time, or until woken if the state set by the caller allows; returns the ticks that were left. Time passes
    /// when CPUs work, and jumps to the next deadline when all of them are idle.
    /// </summary>
    [MightSleep]
    internal static long schedule_timeout(long timeout)
    {
        if (timeout == MAX_SCHEDULE_TIMEOUT)
        {
            schedule();
            return timeout;
        }

        task_struct task = current;
        if (timeout < 0)
        {
            WARN_ON_ONCE(true, "schedule_timeout: wrong timeout value");
            Volatile.Write(ref task.__state, TASK_RUNNING);
            return 0;
        }

        long expires = checked(task.rq.Clock + (timeout * TICK_NSEC));
        timer_list timer = task.timeout_timer ??= new timer_list(static t => wake_up_process((task_struct)t.data!), task);
        mod_timer(timer, expires);
        schedule();
        timer_delete(timer);
        long left = (expires - task.rq.Clock) / TICK_NSEC;
        return left < 0 ? 0 : left;
    }

    [MightSleep]
    internal static long schedule_timeout_interruptible(long timeout)
    {
        __set_current_state(TASK_INTERRUPTIBLE);
        return schedule_timeout(timeout);
    }

    [MightSleep]
    internal static long schedule_timeout_uninterruptible(long timeout)
    {
        __set_current_state(TASK_UNINTERRUPTIBLE);
        return schedule_timeout(timeout);
    }

    [MightSleep]
    internal static void msleep(uint msecs)
    {
        long timeout = ((long)msecs * HZ / 1000) + 1;
        while (timeout != 0)
            timeout = schedule_timeout_uninterruptible(timeout);
    }

    /// <summary>Takes the first timer if it is due; null otherwise.</summary>
    [MustHold("kernel.SchedLock")]
    internal static timer_list? PopExpired(Kernel kernel, long now)
    {
        timer_list? timer = kernel.timers;
        if (timer is null || timer.expires > now)
            return null;
        Unlink(kernel, timer);
        return timer;
    }

    [MustHold("kernel.SchedLock")]
    private static bool Unlink(Kernel kernel, timer_list timer)
    {
        if (!timer.pending)
            return false;
        if (ReferenceEquals(kernel.timers, timer))
        {
            kernel.timers = timer.next;
        }
        else
        {
            timer_list at = kernel.timers!;
            while (!ReferenceEquals(at.next, timer))
                at = at.next!;
            at.next = timer.next;
        }

        timer.next = null;
        timer.pending = false;
        Interlocked.Decrement(ref kernel.nr_timers);
        return true;
    }
}

internal sealed partial class task_struct
{
    internal timer_list? timeout_timer;
}

internal static partial class Core
{
    /// <summary>
    /// Gives up the CPU while timers are pending. Timers that are due run first; if this was the last busy CPU and nothing is runnable, time jumps to the
    /// next deadline. Every release comes through SchedLock here, so the last one sees that all others are idle.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReleaseCpuAndRunTimers(task_struct task)
    {
        Kernel kernel = task.kernel;
        while (true)
        {
            timer_list? due;
            lock (kernel.SchedLock)
            {
                due = Timer.PopExpired(kernel, task.rq.Clock);
                if (due is null)
                {
                    task.rq.Disown();
                    DispatchLocked(kernel);
                    if (kernel.timers is null || !AllIdle(kernel) || !task.rq.TryOwn(task))
                        return;

                    // A task that enters now waits for this CPU or takes another one; either way the jump is as if it had come a little later.
                    task.rq.AdvanceTo(kernel.timers.expires);
                    continue;
                }
            }

            int saved = task.preempt_count;
            bool irqs = task.irqs_off;
            task.irqs_off = false;
            task.preempt_count = saved + SOFTIRQ_OFFSET;
            due.function(due);
            task.preempt_count = saved;
            task.irqs_off = irqs;
        }
    }

    [MustHold("kernel.SchedLock")]
    private static bool AllIdle(Kernel kernel)
    {
        if (Volatile.Read(ref kernel.nr_waiting) != 0 || Volatile.Read(ref kernel.nr_waking) != 0)
            return false;
        foreach (rq rq in kernel.runqueues)
        {
            if (!rq.Idle)
                return false;
        }

        return true;
    }
}
