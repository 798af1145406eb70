// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/rcuwait.h, Linux 6.18.
namespace Linux;

/// <summary>Room for the one task that waits.</summary>
internal sealed class rcuwait
{
    internal task_struct? task;
}

internal static class RcuwaitH
{
    internal static void rcuwait_init(rcuwait w) => w.task = null;

    internal static bool rcuwait_active(rcuwait w) => Volatile.Read(ref w.task) is not null;

    internal static void prepare_to_rcuwait(rcuwait w) => Volatile.Write(ref w.task, current);

    internal static void finish_rcuwait(rcuwait w)
    {
        Volatile.Write(ref w.task, null);
        __set_current_state(TASK_RUNNING);
    }

    /// <summary>Wakes the waiter, if there is one. Returns 1 if it slept.</summary>
    internal static int rcuwait_wake_up(rcuwait w)
    {
        // Pairs with set_current_state() of the waiter: it sees the caller's condition, or is seen here.
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref w.task) is { } task ? wake_up_process(task) : 0;
    }

    /// <summary>Sleeps until the condition is true; -EINTR if a signal that the state allows came first.</summary>
    [MightSleep]
    [MustCheck]
    internal static int rcuwait_wait_event<T>(rcuwait w, T arg, Func<T, bool> condition, int state)
    {
        int ret = 0;
        prepare_to_rcuwait(w);
        while (true)
        {
            set_current_state(state);
            if (condition(arg))
                break;
            if (signal_pending_state(state, current))
            {
                ret = -EINTR;
                break;
            }

            schedule();
        }

        finish_rcuwait(w);
        return ret;
    }
}
