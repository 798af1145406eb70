// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/locking/rwsem.c, Linux 6.18.
namespace Linux;

/// <summary>
/// A sleeping lock for many readers or one writer. Who finds it taken queues; who releases it hands it over to the head of the queue, a writer or all
/// readers up to the next writer, so nobody starves. While somebody queues, newcomers queue too.
/// </summary>
[ContextLock(Name = "rwsem")]
internal sealed class rw_semaphore : lockdep_map
{
    // States of count: 0 free; WRITER one writer; n * READER n readers; WAITERS in addition while the queue is not empty.
    private const long WRITER = 1;
    private const long WAITERS = 2;
    private const long READER = 256;

    // Host lock around the queue; a leaf, never held across a scheduling point.
    private readonly Lock waitLock = new();
    private long count;
    private task_struct? owner;
    private RwsemWaiter? first;
    private RwsemWaiter? last;

    internal rw_semaphore([CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        : base(name, file, line)
    {
    }

    internal bool IsLocked => (Volatile.Read(ref this.count) & ~WAITERS) != 0;

    internal bool IsWriteLocked => (Volatile.Read(ref this.count) & WRITER) != 0;

    internal bool IsContended => (Volatile.Read(ref this.count) & WAITERS) != 0;

    internal task_struct? Owner => Volatile.Read(ref this.owner);

    [CondAcquiresShared(true, "this")]
    [MightSleep]
    [MustCheck]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int EnterRead(task_struct task, int state, int subclass, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        if ((task.preempt_count | task.rcu_read_lock_nesting) != 0 || task.irqs_off)
            Core.might_sleep(function, line);
        if (task.lockdep is not null)
            task.lockdep.Acquire(this, subclass, trylock: false, LockMode.Shared, function, line);
        long seen = Volatile.Read(ref this.count);
        if ((seen & (WRITER | WAITERS)) == 0 && Interlocked.CompareExchange(ref this.count, seen + READER, seen) == seen)
            return 0;
        return this.Slow(task, state, reader: true);
    }

    [CondAcquiresShared(true, "this")]
    internal bool TryEnterRead(task_struct task, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        long seen = Volatile.Read(ref this.count);
        while ((seen & (WRITER | WAITERS)) == 0)
        {
            long found = Interlocked.CompareExchange(ref this.count, seen + READER, seen);
            if (found == seen)
            {
                task.lockdep?.Acquire(this, 0, trylock: true, LockMode.Shared, function, line);
                return true;
            }

            seen = found;
        }

        return false;
    }

    [ReleasesShared("this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void ExitRead(task_struct task, bool owned)
    {
        if (owned && task.lockdep is not null)
            task.lockdep.Release(this);
        long left = Interlocked.Add(ref this.count, -READER);
        if ((left & ~WAITERS) != 0)
        {
            if (left < 0 || (left & WRITER) != 0)
                this.Unbalanced(task);
        }
        else if (left == WAITERS)
        {
            this.HandOver();
        }

        SchedulingPoints.Hit(task, SchedulingPoint.Release, this);
    }

    [CondAcquires(true, "this")]
    [MightSleep]
    [MustCheck]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int EnterWrite(task_struct task, int state, int subclass, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        if ((task.preempt_count | task.rcu_read_lock_nesting) != 0 || task.irqs_off)
            Core.might_sleep(function, line);
        if (task.lockdep is not null)
            task.lockdep.Acquire(this, subclass, trylock: false, LockMode.Exclusive, function, line);
        if (Interlocked.CompareExchange(ref this.count, WRITER, 0) == 0)
        {
            this.owner = task;
            return 0;
        }

        return this.Slow(task, state, reader: false);
    }

    [CondAcquires(true, "this")]
    internal bool TryEnterWrite(task_struct task, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        if (Interlocked.CompareExchange(ref this.count, WRITER, 0) != 0)
            return false;
        this.owner = task;
        task.lockdep?.Acquire(this, 0, trylock: true, LockMode.Exclusive, function, line);
        return true;
    }

    [Releases("this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void ExitWrite(task_struct task)
    {
        if (task.lockdep is not null)
            task.lockdep.Release(this);
        if (!ReferenceEquals(this.owner, task))
            this.Unbalanced(task);
        this.owner = null;
        if ((Interlocked.Add(ref this.count, -WRITER) & WAITERS) != 0)
            this.HandOver();
        SchedulingPoints.Hit(task, SchedulingPoint.Release, this);
    }

    /// <summary>The writer goes on as a reader; readers at the head of the queue come in with it.</summary>
    [Releases("this")]
    [AcquiresShared("this")]
    internal void Downgrade(task_struct task)
    {
        if (!ReferenceEquals(this.owner, task))
            this.Unbalanced(task);
        task.lockdep?.Downgrade(this);
        this.owner = null;
        if ((Interlocked.Add(ref this.count, READER - WRITER) & WAITERS) != 0)
            this.HandOver();
        SchedulingPoints.Hit(task, SchedulingPoint.Release, this);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Slow(task_struct task, int state, bool reader)
    {
        if (ReferenceEquals(Volatile.Read(ref this.owner), task))
            throw new KernelOops($"BUG: rwsem {this.name} taken again by {task}, which has it for writing: it would wait for itself");
        RwsemWaiter waiter = task.rwsem_waiter ??= new RwsemWaiter(task);
        lock (this.waitLock)
        {
            // With the queue's lock held the flag cannot go away; set it first, then look whether the lock came free meanwhile.
            while (true)
            {
                long seen = Volatile.Read(ref this.count);
                long busy = reader ? WRITER | WAITERS : ~0L;
                if ((seen & busy) == 0)
                {
                    if (Interlocked.CompareExchange(ref this.count, seen + (reader ? READER : WRITER), seen) != seen)
                        continue;
                    if (!reader)
                        this.owner = task;
                    return 0;
                }

                if ((seen & WAITERS) != 0 || Interlocked.CompareExchange(ref this.count, seen | WAITERS, seen) == seen)
                    break;
            }

            waiter.Reader = reader;
            waiter.Granted = false;
            waiter.Previous = this.last;
            waiter.Next = null;
            if (this.last is null)
                this.first = waiter;
            else
                this.last.Next = waiter;
            this.last = waiter;

            // The holder may have left before it could see the flag.
            if ((Volatile.Read(ref this.count) & ~WAITERS) == 0)
                this.HandOverLocked();
        }

        while (true)
        {
            set_current_state(state);
            if (Volatile.Read(ref waiter.Granted))
                break;
            if (signal_pending_state(state, task) && this.Abandon(waiter))
            {
                __set_current_state(TASK_RUNNING);
                task.lockdep?.Release(this);
                return -EINTR;
            }

            schedule();
        }

        __set_current_state(TASK_RUNNING);
        return 0;
    }

    /// <summary>Takes the waiter off the queue unless the lock was handed to it already.</summary>
    private bool Abandon(RwsemWaiter waiter)
    {
        lock (this.waitLock)
        {
            if (waiter.Granted)
                return false;
            bool head = ReferenceEquals(this.first, waiter);
            this.Unlink(waiter);
            if (this.first is null)
                Interlocked.And(ref this.count, ~WAITERS);
            else if (head)
                this.HandOverLocked();
            return true;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandOver()
    {
        lock (this.waitLock)
            this.HandOverLocked();
    }

    /// <summary>Gives the lock to the head of the queue as far as its state allows.</summary>
    [MustHold("waitLock")]
    private void HandOverLocked()
    {
        while (this.first is { } waiter)
        {
            long seen = Volatile.Read(ref this.count);
            if (waiter.Reader ? (seen & WRITER) != 0 : (seen & ~WAITERS) != 0)
                break;
            long grant = waiter.Reader ? READER : WRITER;
            if (Interlocked.CompareExchange(ref this.count, seen + grant, seen) != seen)
                continue;
            if (!waiter.Reader)
                this.owner = waiter.Task;
            this.Unlink(waiter);
            Volatile.Write(ref waiter.Granted, true);
            waiter.Task.Wake(TASK_NORMAL);
        }

        if (this.first is null)
            Interlocked.And(ref this.count, ~WAITERS);
    }

    [MustHold("waitLock")]
    private void Unlink(RwsemWaiter waiter)
    {
        if (waiter.Previous is null)
            this.first = waiter.Next;
        else
            waiter.Previous.Next = waiter.Next;
        if (waiter.Next is null)
            this.last = waiter.Previous;
        else
            waiter.Next.Previous = waiter.Previous;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Unbalanced(task_struct task) =>
        throw new KernelOops($"BUG: rwsem {this.name} released by {task}, which does not hold it so; count 0x{this.count:x}, owner {this.owner}");
}

/// <summary>A task in the queue of a rw_semaphore; a task waits for one at a time.</summary>
internal sealed class RwsemWaiter(task_struct task)
{
    internal bool Granted;

    internal task_struct Task { get; } = task;

    internal bool Reader { get; set; }

    internal RwsemWaiter? Next { get; set; }

    internal RwsemWaiter? Previous { get; set; }
}

internal sealed partial class task_struct
{
    internal RwsemWaiter? rwsem_waiter;
}

internal static class Rwsem
{
    internal static void init_rwsem(rw_semaphore sem, [CallerArgumentExpression(nameof(sem))] string name = "",
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => sem.SetName(name, file, line);

    [AcquiresShared("sem")]
    [MightSleep]
    [ContextUnsafe("an uninterruptible EnterRead() always returns 0, which its contract cannot say")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void down_read(rw_semaphore sem, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        _ = sem.EnterRead(current, TASK_UNINTERRUPTIBLE, 0, function, line);

    [AcquiresShared("sem")]
    [MightSleep]
    [ContextUnsafe("an uninterruptible EnterRead() always returns 0, which its contract cannot say")]
    internal static void down_read_nested(rw_semaphore sem, int subclass, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        _ = sem.EnterRead(current, TASK_UNINTERRUPTIBLE, subclass, function, line);

    [CondAcquiresShared(true, "sem")]
    [MightSleep]
    [MustCheck]
    internal static int down_read_killable(rw_semaphore sem, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        sem.EnterRead(current, TASK_KILLABLE, 0, function, line);

    [CondAcquiresShared(true, "sem")]
    [MightSleep]
    [MustCheck]
    internal static int down_read_interruptible(rw_semaphore sem, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        sem.EnterRead(current, TASK_INTERRUPTIBLE, 0, function, line);

    [CondAcquiresShared(true, "sem")]
    [MustCheck]
    internal static bool down_read_trylock(rw_semaphore sem, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        sem.TryEnterRead(current, function, line);

    [ReleasesShared("sem")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void up_read(rw_semaphore sem) => sem.ExitRead(current, owned: true);

    /// <summary>Releases a read side that another task took.</summary>
    [ReleasesShared("sem")]
    internal static void up_read_non_owner(rw_semaphore sem) => sem.ExitRead(current, owned: false);

    [Acquires("sem")]
    [MightSleep]
    [ContextUnsafe("an uninterruptible EnterWrite() always returns 0, which its contract cannot say")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void down_write(rw_semaphore sem, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        _ = sem.EnterWrite(current, TASK_UNINTERRUPTIBLE, 0, function, line);

    [Acquires("sem")]
    [MightSleep]
    [ContextUnsafe("an uninterruptible EnterWrite() always returns 0, which its contract cannot say")]
    internal static void down_write_nested(rw_semaphore sem, int subclass, [CallerMemberName] string function = "",
        [CallerLineNumber] int line = 0) => _ = sem.EnterWrite(current, TASK_UNINTERRUPTIBLE, subclass, function, line);

    /// <summary>One of several semaphores of a kind, whose order does not matter because <paramref name="nest_lock"/> is held around all of them.</summary>
    [Acquires("sem")]
    [MustHold("nest_lock")]
    [MightSleep]
    [ContextUnsafe("an uninterruptible EnterWrite() always returns 0, which its contract cannot say")]
    internal static void down_write_nest_lock(rw_semaphore sem, rw_semaphore nest_lock, [CallerMemberName] string function = "",
        [CallerLineNumber] int line = 0)
    {
        current.lockdep?.NestNext(nest_lock);
        _ = sem.EnterWrite(current, TASK_UNINTERRUPTIBLE, 0, function, line);
    }

    [CondAcquires(true, "sem")]
    [MightSleep]
    [MustCheck]
    internal static int down_write_killable(rw_semaphore sem, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        sem.EnterWrite(current, TASK_KILLABLE, 0, function, line);

    [CondAcquires(true, "sem")]
    [MustCheck]
    internal static bool down_write_trylock(rw_semaphore sem, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        sem.TryEnterWrite(current, function, line);

    [Releases("sem")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void up_write(rw_semaphore sem) => sem.ExitWrite(current);

    [Releases("sem")]
    [AcquiresShared("sem")]
    internal static void downgrade_write(rw_semaphore sem) => sem.Downgrade(current);

    internal static bool rwsem_is_locked(rw_semaphore sem) => sem.IsLocked;

    internal static bool rwsem_is_contended(rw_semaphore sem) => sem.IsContended;
}
