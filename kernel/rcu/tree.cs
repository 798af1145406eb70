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
internal sealed class rcu_state
{
    internal readonly lockdep_map map = new("rcu_read_lock", string.Empty, 0);
    internal readonly wait_queue_head gp_wq = new("rcu_state.gp_wq", string.Empty, 0);

    /// <summary>Callbacks that wait for a grace period, newest first (CAS).</summary>
    internal callback_head? callbacks;
    internal readonly wait_queue_head cb_wq = new("rcu_state.cb_wq", string.Empty, 0);

    /// <summary>The thread that waits and runs callbacks; started by the first call_rcu().</summary>
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

    /// <summary>Runs the function after a grace period, in a kernel thread. Never sleeps.</summary>
    internal static void call_rcu(callback_head head, Action<callback_head> func)
    {
        Kernel kernel = current.kernel;
        rcu_state rcu = kernel.rcu;
        head.func = func;
        callback_head? old;
        do
        {
            old = Volatile.Read(ref rcu.callbacks);
            head.next = old;
        }
        while (!ReferenceEquals(Interlocked.CompareExchange(ref rcu.callbacks, head, old), old));
        if (Volatile.Read(ref rcu.thread) is null)
            StartThread(kernel);
        wake_up(rcu.cb_wq);
    }

    /// <summary>Waits until every callback queued before has run.</summary>
    [MightSleep]
    internal static void rcu_barrier()
    {
        might_sleep();
        if (Volatile.Read(ref current.kernel.rcu.thread) is null)
            return;
        var done = new completion("rcu_barrier", string.Empty);
        call_rcu(new callback_head { data = done }, static head => complete((completion)head.data!));
        wait_for_completion(done);
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

    private static void StartThread(Kernel kernel)
    {
        task_struct thread = Kthread.Create(kernel, static k => Run((Kernel)k!), kernel, "rcu_preempt");
        if (Interlocked.CompareExchange(ref kernel.rcu.thread, thread, null) is not null)
            thread.kthread_flags |= task_struct.KTHREAD_SHOULD_STOP;
        wake_up_process(thread);
    }

    private static int Run(Kernel kernel)
    {
        rcu_state rcu = kernel.rcu;
        while (true)
        {
            wait_event(rcu.cb_wq, rcu, static r => Volatile.Read(ref r.callbacks) is not null || kthread_should_stop());
            callback_head? list = Interlocked.Exchange(ref rcu.callbacks, null);
            if (list is null)
                return 0;
            callback_head? oldestFirst = null;
            while (list is not null)
            {
                callback_head? next = list.next;
                list.next = oldestFirst;
                oldestFirst = list;
                list = next;
            }

            synchronize_rcu();
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
    }
}
