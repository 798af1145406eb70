// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/sched/completion.c, Linux 6.18.
namespace Linux;

/// <summary>An event that happens a number of times, and tasks that wait for it.</summary>
internal sealed class completion
{
    internal readonly wait_queue_head wait;

    /// <summary>Completions nobody has consumed yet; uint.MaxValue after complete_all(). Guarded by wait.lock.</summary>
    internal uint done;

    internal completion([CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        this.wait = new wait_queue_head(name, file, line);
    }
}

internal static class Completion
{
    internal static void reinit_completion(completion x) => x.done = 0;

    internal static void complete(completion x)
    {
        spin_lock_irqsave(x.wait.@lock, out ulong flags);
        if (x.done != uint.MaxValue)
            x.done++;
        __wake_up_locked_key(x.wait, TASK_NORMAL, null);
        spin_unlock_irqrestore(x.wait.@lock, flags);
    }

    internal static void complete_all(completion x)
    {
        spin_lock_irqsave(x.wait.@lock, out ulong flags);
        x.done = uint.MaxValue;
        spin_unlock_irqrestore(x.wait.@lock, flags);
        wake_up_all(x.wait);
    }

    [MightSleep]
    internal static void wait_for_completion(completion x) => _ = Common(x, MAX_SCHEDULE_TIMEOUT, TASK_UNINTERRUPTIBLE);

    /// <summary>Returns 0 if the timeout (ticks) passed, else the ticks that were left, at least 1.</summary>
    [MightSleep]
    internal static long wait_for_completion_timeout(completion x, long timeout) => Common(x, timeout, TASK_UNINTERRUPTIBLE);

    [MightSleep]
    [MustCheck]
    internal static int wait_for_completion_interruptible(completion x) => Common(x, MAX_SCHEDULE_TIMEOUT, TASK_INTERRUPTIBLE) < 0 ? -ERESTARTSYS : 0;

    [MightSleep]
    [MustCheck]
    internal static int wait_for_completion_killable(completion x) => Common(x, MAX_SCHEDULE_TIMEOUT, TASK_KILLABLE) < 0 ? -ERESTARTSYS : 0;

    internal static bool try_wait_for_completion(completion x)
    {
        spin_lock_irqsave(x.wait.@lock, out ulong flags);
        bool ret = Consume(x);
        spin_unlock_irqrestore(x.wait.@lock, flags);
        return ret;
    }

    internal static bool completion_done(completion x) => Volatile.Read(ref x.done) != 0;

    private static bool Consume(completion x)
    {
        if (x.done == 0)
            return false;
        if (x.done != uint.MaxValue)
            x.done--;
        return true;
    }

    private static long Common(completion x, long timeout, int state)
    {
        might_sleep();
        task_struct task = current;
        wait_queue_entry entry = task.GetWait();
        entry.flags |= WQ_FLAG_EXCLUSIVE;
        long ret;
        while (true)
        {
            if (try_wait_for_completion(x))
            {
                ret = Math.Max(timeout, 1);
                break;
            }

            if (timeout == 0)
            {
                ret = 0;
                break;
            }

            ret = prepare_to_wait_event(x.wait, entry, state);
            if (ret != 0)
                break;
            if (completion_done(x))
                continue;
            timeout = schedule_timeout(timeout);
        }

        finish_wait(x.wait, entry);
        task.PutWait(entry);
        return ret;
    }
}
