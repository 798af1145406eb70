// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/sched.h, Linux 6.18.
using System.Text;

namespace Linux;

/// <summary>
/// A kernel task: one OS thread. In the kernel and in guest mode it owns a simulated CPU; in user mode and while blocked it owns none.
/// Unless said otherwise a field belongs to the task's own thread.
/// </summary>
internal sealed partial class task_struct
{
    internal readonly Kernel kernel;
    internal readonly int pid;

    /// <summary>Thread group: tasks of one process share it. Written before the task runs.</summary>
    internal int tgid;
    internal string comm;

    /// <summary>TASK_*; set by the task before it looks at its condition, set to TASK_RUNNING by whoever wakes it (CAS).</summary>
    internal int __state;

    /// <summary>TIF_* bits, set by anybody (interlocked), looked at on the way to user mode.</summary>
    internal int thread_flags;

    /// <summary>preempt, softirq, hardirq depths in Linux' layout (include/linux/preempt.h).</summary>
    internal int preempt_count;
    internal int migration_disabled;

    /// <summary>Interrupts of the CPU the task runs on are off.</summary>
    internal bool irqs_off;

    /// <summary>CPUs the task may run on.</summary>
    internal CpuSet cpus_mask;

    /// <summary>PF_* flags.</summary>
    internal uint flags;

    /// <summary>Depth of rcu_read_lock(), and the grace-period number read by the outermost one (0: not in a reader).</summary>
    internal int rcu_read_lock_nesting;
    internal ulong rcu_gp_seq;

    /// <summary>The run queue of the CPU the task owns, or owned last.</summary>
    internal rq rq;

    internal int exit_code;

    internal task_struct(Kernel kernel, int pid, string comm, rq rq)
    {
        this.kernel = kernel;
        this.pid = pid;
        this.tgid = pid;
        this.comm = comm;
        this.rq = rq;
        this.cpus_mask = kernel.machine.AllCpus;
        if (kernel.config.Lockdep)
            this.lockdep = new HeldLocks(this, kernel.Lockdep);
    }

    /// <summary>The number of the CPU the task runs on, or ran on last.</summary>
    internal int cpu => this.rq.cpu;

    /// <summary>The silicon the task runs on: translation, flushes, events, clock.</summary>
    internal Cpu Cpu => this.rq.hw;

    /// <summary>True while the task owns its CPU, that is, in the kernel or in guest mode and not blocked.</summary>
    internal bool OnCpu => this.rq.IsOwner(this);

    public override string ToString() => $"{this.comm}/{this.pid}";

    internal string DescribeHeldLocks()
    {
        if (this.lockdep is null)
            return string.Empty;
        var text = new StringBuilder();
        this.lockdep.Describe(text);
        return text.ToString();
    }
}

internal static class SchedH
{
    internal const int TASK_RUNNING = 0x0;
    internal const int TASK_INTERRUPTIBLE = 0x1;
    internal const int TASK_UNINTERRUPTIBLE = 0x2;
    internal const int TASK_PARKED = 0x40;
    internal const int TASK_DEAD = 0x80;
    internal const int TASK_WAKEKILL = 0x100;
    internal const int TASK_NEW = 0x800;
    internal const int TASK_KILLABLE = TASK_WAKEKILL | TASK_UNINTERRUPTIBLE;
    internal const int TASK_NORMAL = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE;

    internal const uint PF_EXITING = 0x4;
    internal const uint PF_MEMALLOC = 0x800;
    internal const uint PF_KTHREAD = 0x200000;
    internal const uint PF_MEMALLOC_NOFS = 0x40000;
    internal const uint PF_MEMALLOC_NOIO = 0x80000;

    internal const int TIF_NOTIFY_RESUME = 1;
    internal const int TIF_SIGPENDING = 2;
    internal const int TIF_NOTIFY_SIGNAL = 17;

    internal const long MAX_SCHEDULE_TIMEOUT = long.MaxValue;

    /// <summary>Ticks a second; one jiffy is 4 ms of simulated time.</summary>
    internal const int HZ = 250;

    /// <summary>Announces the state before the condition is looked at; a full barrier, pairs with the one in try_to_wake_up().</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void set_current_state(int state) => Interlocked.Exchange(ref current.__state, state);

    internal static void __set_current_state(int state) => Volatile.Write(ref current.__state, state);

    internal static int task_pid_nr(task_struct task) => task.pid;

    internal static int task_tgid_nr(task_struct task) => task.tgid;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool test_tsk_thread_flag(task_struct task, int flag) => (Volatile.Read(ref task.thread_flags) & (1 << flag)) != 0;

    internal static void set_tsk_thread_flag(task_struct task, int flag) => Interlocked.Or(ref task.thread_flags, 1 << flag);

    internal static void clear_tsk_thread_flag(task_struct task, int flag) => Interlocked.And(ref task.thread_flags, ~(1 << flag));

    /// <summary>Gives the CPU to a waiting task, if there is one and the context allows it. Returns 1 if it did.</summary>
    [MightSleep]
    internal static int cond_resched()
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.Yield, null);
        return Core.__cond_resched(task);
    }

    /// <summary>Keeps the task on its CPU, also across blocking. Nests.</summary>
    internal static void migrate_disable() => current.migration_disabled++;

    internal static void migrate_enable()
    {
        task_struct task = current;
        if (WARN_ON_ONCE(task.migration_disabled == 0))
            return;
        task.migration_disabled--;
    }
}
