// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/wait.h, Linux 6.18.
namespace Linux;

/// <summary>Called under the queue's lock to wake one waiter; returns positive if it woke it exclusively, negative to stop the walk.</summary>
internal delegate int wait_queue_func_t(wait_queue_entry entry, uint mode, int flags, object? key);

/// <summary>A waiter. Belongs to the waiting task; its links are guarded by the lock of the queue it is on.</summary>
internal sealed class wait_queue_entry
{
    internal uint flags;
    internal object? @private;
    internal wait_queue_func_t func = Wait.autoremove_wake_function;

    /// <summary>For the hashed tables: address and bit the waiter is interested in.</summary>
    internal nuint key_address;
    internal int key_bit;

    internal wait_queue_entry? next;
    internal wait_queue_entry? prev;
    internal wait_queue_head? head;

    // The next entry of the task's cache while this one is not in use.
    internal wait_queue_entry? cached;
}

/// <summary>A queue of waiters in the order they came.</summary>
internal sealed class wait_queue_head
{
    internal readonly spinlock_t @lock;

    [GuardedBy("lock")]
    internal wait_queue_entry? first;

    [GuardedBy("lock")]
    internal wait_queue_entry? last;

    internal wait_queue_head([CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        this.@lock = new spinlock_t(name, file, line);
    }
}

internal static class WaitH
{
    internal const uint WQ_FLAG_EXCLUSIVE = 0x01;
    internal const uint WQ_FLAG_WOKEN = 0x02;
    internal const uint WQ_FLAG_CUSTOM = 0x04;

    /// <summary>True if somebody waits. Without the lock the caller needs a full barrier between its condition and this look.</summary>
    internal static bool waitqueue_active(wait_queue_head wq_head) => Volatile.Read(ref wq_head.first) is not null;

    internal static void wake_up(wait_queue_head wq_head) => Wait.__wake_up(wq_head, TASK_NORMAL, 1, null);

    internal static void wake_up_nr(wait_queue_head wq_head, int nr) => Wait.__wake_up(wq_head, TASK_NORMAL, nr, null);

    internal static void wake_up_all(wait_queue_head wq_head) => Wait.__wake_up(wq_head, TASK_NORMAL, 0, null);

    internal static void wake_up_interruptible(wait_queue_head wq_head) => Wait.__wake_up(wq_head, TASK_INTERRUPTIBLE, 1, null);

    internal static void wake_up_interruptible_all(wait_queue_head wq_head) => Wait.__wake_up(wq_head, TASK_INTERRUPTIBLE, 0, null);

    /// <summary>Sleeps uninterruptibly until the condition is true. Pass what it needs as state, so that no closure is made.</summary>
    [MightSleep]
    internal static void wait_event<T>(wait_queue_head wq_head, T state, Func<T, bool> condition) =>
        _ = Wait.WaitEvent(wq_head, state, condition, TASK_UNINTERRUPTIBLE, exclusive: false, MAX_SCHEDULE_TIMEOUT);

    [MightSleep]
    internal static void wait_event(wait_queue_head wq_head, Func<bool> condition) => wait_event(wq_head, condition, static c => c());

    /// <summary>Returns 0 when the condition became true, -ERESTARTSYS when a signal came first.</summary>
    [MightSleep]
    [MustCheck]
    internal static int wait_event_interruptible<T>(wait_queue_head wq_head, T state, Func<T, bool> condition) =>
        (int)Wait.WaitEvent(wq_head, state, condition, TASK_INTERRUPTIBLE, exclusive: false, MAX_SCHEDULE_TIMEOUT);

    [MightSleep]
    [MustCheck]
    internal static int wait_event_interruptible(wait_queue_head wq_head, Func<bool> condition) =>
        wait_event_interruptible(wq_head, condition, static c => c());

    /// <summary>Returns 0 when the condition became true, -ERESTARTSYS when a fatal signal came first.</summary>
    [MightSleep]
    [MustCheck]
    internal static int wait_event_killable<T>(wait_queue_head wq_head, T state, Func<T, bool> condition) =>
        (int)Wait.WaitEvent(wq_head, state, condition, TASK_KILLABLE, exclusive: false, MAX_SCHEDULE_TIMEOUT);

    [MightSleep]
    [MustCheck]
    internal static int wait_event_killable(wait_queue_head wq_head, Func<bool> condition) => wait_event_killable(wq_head, condition, static c => c());

    /// <summary>Returns 0 if the timeout (ticks) passed with the condition still false, else the ticks that were left, at least 1.</summary>
    [MightSleep]
    internal static long wait_event_timeout<T>(wait_queue_head wq_head, T state, Func<T, bool> condition, long timeout) =>
        Wait.WaitEvent(wq_head, state, condition, TASK_UNINTERRUPTIBLE, exclusive: false, timeout);
}
