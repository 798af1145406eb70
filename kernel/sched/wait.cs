// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/sched/wait.c, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    // Wait entries that are not in use. A task waits on more than one queue at a time only when waits nest.
    private wait_queue_entry? cachedWaits;

    /// <summary>DEFINE_WAIT without garbage: takes an entry of the task's own.</summary>
    internal wait_queue_entry GetWait()
    {
        wait_queue_entry entry = this.cachedWaits ?? new wait_queue_entry();
        this.cachedWaits = entry.cached;
        entry.cached = null;
        entry.flags = 0;
        entry.@private = this;
        entry.func = Wait.CachedAutoremove;
        return entry;
    }

    /// <summary>Takes the entry back; it is on no queue.</summary>
    internal void PutWait(wait_queue_entry entry)
    {
        entry.cached = this.cachedWaits;
        this.cachedWaits = entry;
    }
}

internal static class Wait
{
    internal static readonly wait_queue_func_t CachedAutoremove = autoremove_wake_function;

    internal static void init_waitqueue_head(wait_queue_head wq_head, [CallerArgumentExpression(nameof(wq_head))] string name = "") =>
        wq_head.@lock.SetName(name);

    internal static void add_wait_queue(wait_queue_head wq_head, wait_queue_entry wq_entry)
    {
        wq_entry.flags &= ~WQ_FLAG_EXCLUSIVE;
        spin_lock_irqsave(wq_head.@lock, out ulong flags);
        AddHead(wq_head, wq_entry);
        spin_unlock_irqrestore(wq_head.@lock, flags);
    }

    internal static void remove_wait_queue(wait_queue_head wq_head, wait_queue_entry wq_entry)
    {
        spin_lock_irqsave(wq_head.@lock, out ulong flags);
        Remove(wq_head, wq_entry);
        spin_unlock_irqrestore(wq_head.@lock, flags);
    }

    /// <summary>Queues the entry if it is not queued and announces the sleep. The condition is looked at afterwards.</summary>
    internal static void prepare_to_wait(wait_queue_head wq_head, wait_queue_entry wq_entry, int state)
    {
        wq_entry.flags &= ~WQ_FLAG_EXCLUSIVE;
        spin_lock_irqsave(wq_head.@lock, out ulong flags);
        if (wq_entry.head is null)
            AddHead(wq_head, wq_entry);
        set_current_state(state);
        spin_unlock_irqrestore(wq_head.@lock, flags);
    }

    internal static void prepare_to_wait_exclusive(wait_queue_head wq_head, wait_queue_entry wq_entry, int state)
    {
        wq_entry.flags |= WQ_FLAG_EXCLUSIVE;
        spin_lock_irqsave(wq_head.@lock, out ulong flags);
        if (wq_entry.head is null)
            AddTail(wq_head, wq_entry);
        set_current_state(state);
        spin_unlock_irqrestore(wq_head.@lock, flags);
    }

    /// <summary>Like prepare_to_wait(), but a waiter that has a signal gets -ERESTARTSYS and is taken off the queue, so that it eats no wakeup.</summary>
    [MustCheck]
    internal static long prepare_to_wait_event(wait_queue_head wq_head, wait_queue_entry wq_entry, int state)
    {
        long ret = 0;
        spin_lock_irqsave(wq_head.@lock, out ulong flags);
        if (signal_pending_state(state, current))
        {
            Remove(wq_head, wq_entry);
            ret = -ERESTARTSYS;
        }
        else
        {
            if (wq_entry.head is null)
            {
                if ((wq_entry.flags & WQ_FLAG_EXCLUSIVE) != 0)
                    AddTail(wq_head, wq_entry);
                else
                    AddHead(wq_head, wq_entry);
            }

            set_current_state(state);
        }

        spin_unlock_irqrestore(wq_head.@lock, flags);
        return ret;
    }

    internal static void finish_wait(wait_queue_head wq_head, wait_queue_entry wq_entry)
    {
        __set_current_state(TASK_RUNNING);

        // The waker removes under the lock and touches the entry no more after it cleared head.
        if (Volatile.Read(ref wq_entry.head) is null)
            return;
        spin_lock_irqsave(wq_head.@lock, out ulong flags);
        Remove(wq_head, wq_entry);
        spin_unlock_irqrestore(wq_head.@lock, flags);
    }

    internal static int default_wake_function(wait_queue_entry wq_entry, uint mode, int wake_flags, object? key) =>
        try_to_wake_up((task_struct)wq_entry.@private!, (int)mode) ? 1 : 0;

    /// <summary>Wakes the waiter and takes it off the queue if it was asleep.</summary>
    [ContextUnsafe("called by __wake_up() under the lock of the queue, which the signature of a wake function does not carry")]
    internal static int autoremove_wake_function(wait_queue_entry wq_entry, uint mode, int wake_flags, object? key)
    {
        int ret = default_wake_function(wq_entry, mode, wake_flags, key);
        if (ret != 0)
            Remove(wq_entry.head!, wq_entry);
        return ret;
    }

    /// <summary>Wakes all non-exclusive waiters and up to nr_exclusive exclusive ones; 0 wakes everybody.</summary>
    internal static void __wake_up(wait_queue_head wq_head, uint mode, int nr_exclusive, object? key)
    {
        spin_lock_irqsave(wq_head.@lock, out ulong flags);
        __wake_up_common(wq_head, mode, nr_exclusive, key);
        spin_unlock_irqrestore(wq_head.@lock, flags);
    }

    internal static void __wake_up(wait_queue_head wq_head, int mode, int nr_exclusive, object? key) => __wake_up(wq_head, (uint)mode, nr_exclusive, key);

    [MustHold("wq_head.lock")]
    internal static void __wake_up_locked_key(wait_queue_head wq_head, uint mode, object? key) => __wake_up_common(wq_head, mode, 1, key);

    [MightSleep]
    internal static long WaitEvent<T>(wait_queue_head wq_head, T state, Func<T, bool> condition, int mode, bool exclusive, long timeout)
    {
        might_sleep();
        bool timed = timeout != MAX_SCHEDULE_TIMEOUT;
        if (condition(state))
            return timed ? Math.Max(timeout, 1) : 0;
        task_struct task = current;
        wait_queue_entry entry = task.GetWait();
        if (exclusive)
            entry.flags |= WQ_FLAG_EXCLUSIVE;
        long ret;
        while (true)
        {
            ret = prepare_to_wait_event(wq_head, entry, mode);
            if (condition(state))
            {
                ret = timed ? Math.Max(timeout, 1) : 0;
                break;
            }

            if (ret != 0)
                break;
            if (timed && timeout == 0)
                break;
            timeout = schedule_timeout(timeout);
        }

        finish_wait(wq_head, entry);
        task.PutWait(entry);
        return ret;
    }

    [MustHold("wq_head.lock")]
    internal static void __add_wait_queue_entry_tail(wait_queue_head wq_head, wait_queue_entry wq_entry) => AddTail(wq_head, wq_entry);

    [MustHold("wq_head.lock")]
    private static void __wake_up_common(wait_queue_head wq_head, uint mode, int nr_exclusive, object? key)
    {
        for (wait_queue_entry? curr = wq_head.first; curr is not null;)
        {
            wait_queue_entry? next = curr.next;
            uint flags = curr.flags;
            int ret = curr.func(curr, mode, 0, key);
            if (ret < 0)
                break;
            if (ret != 0 && (flags & WQ_FLAG_EXCLUSIVE) != 0 && --nr_exclusive == 0)
                break;
            curr = next;
        }
    }

    [MustHold("head.lock")]
    private static void AddHead(wait_queue_head head, wait_queue_entry entry)
    {
        entry.prev = null;
        entry.next = head.first;
        if (head.first is null)
            head.last = entry;
        else
            head.first.prev = entry;
        Volatile.Write(ref head.first, entry);
        entry.head = head;
    }

    [MustHold("head.lock")]
    private static void AddTail(wait_queue_head head, wait_queue_entry entry)
    {
        entry.next = null;
        entry.prev = head.last;
        if (head.last is null)
            Volatile.Write(ref head.first, entry);
        else
            head.last.next = entry;
        head.last = entry;
        entry.head = head;
    }

    [MustHold("head.lock")]
    private static void Remove(wait_queue_head head, wait_queue_entry entry)
    {
        if (entry.head is null)
            return;
        if (entry.prev is null)
            head.first = entry.next;
        else
            entry.prev.next = entry.next;
        if (entry.next is null)
            head.last = entry.prev;
        else
            entry.next.prev = entry.prev;
        entry.next = null;
        entry.prev = null;
        Volatile.Write(ref entry.head, null);
    }
}
