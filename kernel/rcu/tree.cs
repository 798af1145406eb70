// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/rcu/tree.c, Linux 6.18.
namespace Linux;

// A reader notes the grace-period number it started in, with plain stores. A grace period
//
//   1. advances the number,
//   2. runs a full barrier on every thread of the process,
//   3. waits for each task whose note is older than the new number.
//
// A reader whose note step 3 does not see stored it after the barrier of step 2; its loads come later still, so they see what was unpublished before
// step 1. A reader that leaves either is seen to have left, or sees waiters set before step 2 and wakes them.
//
// Callbacks run on the CPU that queued them, when its task next returns to user mode or enters a guest, if no reader is left by then. Only what a
// reader holds up, or what a task leaves behind when it sleeps, goes to the thread. So callbacks of a task that runs alone have one place in time.
internal sealed class rcu_state
{
    internal readonly lockdep_map map = new("rcu_read_lock", string.Empty, 0);
    internal readonly wait_queue_head gp_wq = new("rcu_state.gp_wq", string.Empty, 0);

    /// <summary>Callbacks that wait for a grace period, newest first (CAS).</summary>
    internal callback_head? callbacks;
    internal readonly wait_queue_head cb_wq = new("rcu_state.cb_wq", string.Empty, 0);

    /// <summary>Held by whoever runs callbacks, from taking them off the list on.</summary>
    internal readonly mutex barrier_mutex = new("rcu_state.barrier_mutex", string.Empty, 0);

    /// <summary>The thread that waits for readers and runs callbacks then; started when first needed.</summary>
    internal task_struct? thread;

    /// <summary>Number of the newest grace period. Zero never occurs: it is the note of a task outside any reader.</summary>
    internal ulong gp_seq = 1;

    /// <summary>Tasks in synchronize_rcu(); a leaving reader wakes them.</summary>
    internal int waiters;
}

internal sealed partial class Kernel
{
    internal readonly rcu_state rcu = new();
}

internal sealed partial class task_struct
{
    // Runs callbacks on the way to user mode; queued at most once. Touched by the task alone.
    internal callback_head? rcu_work;
    internal bool rcu_work_queued;
}

internal static class Tree
{
    /// <summary>Waits until every read-side section that runs now has ended. Regions with preemption or interrupts off count as such.</summary>
    [MightSleep]
    internal static void synchronize_rcu()
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.RcuSynchronize, null);
        might_sleep();
        if (task.rcu_read_lock_nesting != 0)
            throw new KernelOops($"BUG: {task} calls synchronize_rcu() inside a read-side section: it would wait for itself");
        Kernel kernel = task.kernel;
        rcu_state rcu = kernel.rcu;
        Interlocked.Increment(ref rcu.waiters);
        ulong seq = Interlocked.Increment(ref rcu.gp_seq);
        Interlocked.MemoryBarrierProcessWide();
        foreach (task_struct other in kernel.Tasks)
        {
            if (ReferenceEquals(other, task))
                continue;
            if (ReadsBefore(other, seq))
                wait_event(rcu.gp_wq, (other, seq), static s => !ReadsBefore(s.other, s.seq));
            while (NonPreemptible(other))
            {
                cond_resched();
                Core.Relax(task, other);
            }
        }

        Interlocked.Decrement(ref rcu.waiters);
    }

    /// <summary>Starts a grace period for readers that use rcu_read_lock(); poll_state_synchronize_rcu() tells when it is over. Never sleeps.</summary>
    internal static ulong start_poll_synchronize_rcu(Kernel kernel)
    {
        ulong seq = Interlocked.Increment(ref kernel.rcu.gp_seq);
        Interlocked.MemoryBarrierProcessWide();
        return seq;
    }

    internal static bool poll_state_synchronize_rcu(Kernel kernel, ulong seq) => !kernel.AnyTask(seq, static (task, s) => ReadsBefore(task, s));

    [MightSleep]
    internal static void synchronize_rcu_expedited() => synchronize_rcu();

    /// <summary>Runs the function after a grace period, in softirq context. Never sleeps.</summary>
    internal static void call_rcu(callback_head head, Action<callback_head> func)
    {
        task_struct task = current;
        rcu_state rcu = task.kernel.rcu;
        head.func = func;
        Push(rcu, head, head);
        if (!QueueCore(task))
            WakeThread(task.kernel);
    }

    /// <summary>Waits until every callback queued before has run.</summary>
    [MightSleep]
    internal static void rcu_barrier()
    {
        might_sleep();
        rcu_state rcu = current.kernel.rcu;
        mutex_lock(rcu.barrier_mutex);
        callback_head? list = Interlocked.Exchange(ref rcu.callbacks, null);
        if (list is not null)
        {
            synchronize_rcu();
            rcu_do_batch(list);
        }

        mutex_unlock(rcu.barrier_mutex);
    }

    /// <summary>A task is about to sleep: what it queued is not to wait for its return.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void rcu_note_context_switch(task_struct task)
    {
        if (Volatile.Read(ref task.kernel.rcu.callbacks) is not null)
            WakeThread(task.kernel);
    }

    /// <summary>A task is about to enter a guest, where it may stay: what it queued runs first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void rcu_virt_note_context_switch(task_struct task)
    {
        if (Volatile.Read(ref task.kernel.rcu.callbacks) is not null)
            rcu_core(task);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void rcu_read_unlock_special(task_struct task)
    {
        if (task.rcu_read_lock_nesting < 0)
            throw new KernelOops($"BUG: {task} calls rcu_read_unlock() without rcu_read_lock()");
        wake_up_all(task.kernel.rcu.gp_wq);
    }

    private static bool ReadsBefore(task_struct task, ulong seq)
    {
        ulong started = Volatile.Read(ref task.rcu_gp_seq);
        return started != 0 && started < seq;
    }

    private static bool NonPreemptible(task_struct task) => task.OnCpu && (Volatile.Read(ref task.preempt_count) != 0 || Volatile.Read(ref task.irqs_off));

    private static void Push(rcu_state rcu, callback_head newest, callback_head oldest)
    {
        callback_head? old;
        do
        {
            old = Volatile.Read(ref rcu.callbacks);
            oldest.next = old;
        }
        while (!ReferenceEquals(Interlocked.CompareExchange(ref rcu.callbacks, newest, old), old));
    }

    // False for a task that does not come by its return to user mode any more.
    private static bool QueueCore(task_struct task)
    {
        if (task.rcu_work_queued)
            return true;
        if ((task.flags & PF_KTHREAD) != 0)
            return false;
        task.rcu_work ??= new callback_head { data = task };
        task.rcu_work.func = static work =>
        {
            var task = (task_struct)work.data!;
            task.rcu_work_queued = false;
            rcu_core(task);
        };
        if (task_work_add(task, task.rcu_work, task_work_notify_mode.TWA_RESUME) != 0)
            return false;
        task.rcu_work_queued = true;
        return true;
    }

    /// <summary>Runs the callbacks if nobody can be reading what they free, else leaves them to the thread.</summary>
    private static void rcu_core(task_struct task)
    {
        Kernel kernel = task.kernel;
        rcu_state rcu = kernel.rcu;
        if (!mutex_trylock(rcu.barrier_mutex))
        {
            WakeThread(kernel);
            return;
        }

        callback_head? list = Interlocked.Exchange(ref rcu.callbacks, null);
        if (list is not null)
        {
            ulong seq = start_poll_synchronize_rcu(kernel);
            if (kernel.AnyTask((task, seq), static (other, s) => !ReferenceEquals(other, s.task) && (ReadsBefore(other, s.seq) || NonPreemptible(other))))
            {
                callback_head oldest = list;
                while (oldest.next is not null)
                    oldest = oldest.next;
                Push(rcu, list, oldest);
                WakeThread(kernel);
            }
            else
            {
                rcu_do_batch(list);
            }
        }

        mutex_unlock(rcu.barrier_mutex);
    }

    /// <summary>Runs a list of callbacks, newest first in the list, in the order in which they were queued.</summary>
    private static void rcu_do_batch(callback_head list)
    {
        callback_head? oldestFirst = null;
        for (callback_head? head = list; head is not null;)
        {
            callback_head? next = head.next;
            head.next = oldestFirst;
            oldestFirst = head;
            head = next;
        }

        for (callback_head? head = oldestFirst; head is not null;)
        {
            callback_head? next = head.next;
            head.next = null;
            local_bh_disable();
            head.func!(head);
            local_bh_enable();
            head = next;
        }
    }

    private static void WakeThread(Kernel kernel)
    {
        rcu_state rcu = kernel.rcu;
        if (Volatile.Read(ref rcu.thread) is null)
        {
            task_struct thread = Kthread.Create(kernel, static k => Run((Kernel)k!), kernel, "rcu_preempt");
            if (Interlocked.CompareExchange(ref rcu.thread, thread, null) is not null)
                thread.kthread_flags |= task_struct.KTHREAD_SHOULD_STOP;
            wake_up_process(thread);
        }

        wake_up(rcu.cb_wq);
    }

    private static int Run(Kernel kernel)
    {
        rcu_state rcu = kernel.rcu;
        while (true)
        {
            wait_event(rcu.cb_wq, rcu, static r => Volatile.Read(ref r.callbacks) is not null || kthread_should_stop());
            if (Volatile.Read(ref rcu.callbacks) is null)
                return 0;
            rcu_barrier();
        }
    }
}
