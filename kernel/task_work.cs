// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/task_work.c, Linux 6.18.
namespace Linux;

/// <summary>A piece of work queued once; the link belongs to the queue it is on.</summary>
internal sealed class callback_head
{
    internal callback_head? next;
    internal Action<callback_head>? func;
    internal object? data;

    internal callback_head()
    {
    }

    internal callback_head(Action<callback_head> func, object? data = null)
    {
        this.func = func;
        this.data = data;
    }
}

internal enum task_work_notify_mode
{
    TWA_NONE,
    TWA_RESUME,
    TWA_SIGNAL,
}

internal sealed partial class task_struct
{
    /// <summary>Work to run on the way to user mode, newest first; TaskWork.work_exited once the task is past its last run.</summary>
    internal callback_head? task_works;
}

internal static class TaskWork
{
    internal static readonly callback_head work_exited = new();

    /// <summary>Queues work that the task runs before it returns to user mode. -ESRCH if the task has exited.</summary>
    [MustCheck]
    internal static int task_work_add(task_struct task, callback_head work, task_work_notify_mode notify)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic, task);
        callback_head? head = Volatile.Read(ref task.task_works);
        while (true)
        {
            if (ReferenceEquals(head, work_exited))
                return -ESRCH;
            work.next = head;
            callback_head? seen = Interlocked.CompareExchange(ref task.task_works, work, head);
            if (ReferenceEquals(seen, head))
                break;
            head = seen;
        }

        if (notify == task_work_notify_mode.TWA_RESUME)
        {
            set_tsk_thread_flag(task, TIF_NOTIFY_RESUME);
        }
        else if (notify == task_work_notify_mode.TWA_SIGNAL)
        {
            set_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL);
            wake_up_state(task, TASK_INTERRUPTIBLE);
        }

        return 0;
    }

    /// <summary>Runs the queued work, newest first, and what that queues in turn. An exiting task closes the queue when it is empty.</summary>
    internal static void task_work_run()
    {
        task_struct task = current;
        while (true)
        {
            callback_head? work = Volatile.Read(ref task.task_works);
            callback_head? replacement = null;
            if (work is null)
            {
                if ((task.flags & PF_EXITING) == 0)
                    return;
                replacement = work_exited;
            }
            else if (ReferenceEquals(work, work_exited))
            {
                return;
            }

            if (!ReferenceEquals(Interlocked.CompareExchange(ref task.task_works, replacement, work), work))
                continue;
            while (work is not null)
            {
                callback_head? next = work.next;
                work.next = null;
                work.func!(work);
                cond_resched();
                work = next;
            }
        }
    }
}
