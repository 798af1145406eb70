// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/rwlock_types.h, Linux 6.18.
namespace Linux;

/// <summary>A spinning lock for many readers or one writer. A waiting writer keeps new readers out, unless they are in an interrupt.</summary>
[ContextLock(Name = "rwlock", Atomic = true)]
internal sealed class rwlock_t : lockdep_map
{
    // States of cnts: 0 free; WRITER one writer; n * READER n readers; WAITING in addition while a writer spins.
    private const int WRITER = 1;
    private const int WAITING = 2;
    private const int READER = 4;

    private int cnts;
    private task_struct? owner;

    internal rwlock_t([CallerMemberName] string name = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        : base(name, file, line)
    {
    }

    internal bool IsLocked => (Volatile.Read(ref this.cnts) & ~WAITING) != 0;

    internal bool IsWriteLocked => (Volatile.Read(ref this.cnts) & WRITER) != 0;

    internal bool IsContended => (Volatile.Read(ref this.cnts) & WAITING) != 0;

    [AcquiresShared("this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void EnterRead(task_struct task, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        task.preempt_count += PREEMPT_OFFSET;
        if (task.lockdep is not null)
            task.lockdep.Acquire(this, 0, trylock: false, (task.preempt_count & (HARDIRQ_MASK | SOFTIRQ_OFFSET)) != 0 ? LockMode.SharedRecursive : LockMode.Shared, function, line);
        int seen = Volatile.Read(ref this.cnts);
        if ((seen & (WRITER | WAITING)) != 0 || Interlocked.CompareExchange(ref this.cnts, seen + READER, seen) != seen)
            this.SpinRead(task);
    }

    [CondAcquiresShared(true, "this")]
    internal bool TryEnterRead(task_struct task, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        task.preempt_count += PREEMPT_OFFSET;
        int seen = Volatile.Read(ref this.cnts);
        while ((seen & WRITER) == 0)
        {
            int found = Interlocked.CompareExchange(ref this.cnts, seen + READER, seen);
            if (found == seen)
            {
                task.lockdep?.Acquire(this, 0, trylock: true, LockMode.Shared, function, line);
                return true;
            }

            seen = found;
        }

        task.preempt_count -= PREEMPT_OFFSET;
        return false;
    }

    [ReleasesShared("this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void ExitRead(task_struct task)
    {
        if (task.lockdep is not null)
            task.lockdep.Release(this);
        if (Interlocked.Add(ref this.cnts, -READER) < 0)
            this.Unbalanced(task);
        PreemptEnable(task);
        SchedulingPoints.Hit(task, SchedulingPoint.Release, this);
    }

    [Acquires("this")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void EnterWrite(task_struct task, int subclass, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        task.preempt_count += PREEMPT_OFFSET;
        if (task.lockdep is not null)
            task.lockdep.Acquire(this, subclass, trylock: false, LockMode.Exclusive, function, line);
        if (Interlocked.CompareExchange(ref this.cnts, WRITER, 0) != 0)
            this.SpinWrite(task);
        this.owner = task;
    }

    [CondAcquires(true, "this")]
    internal bool TryEnterWrite(task_struct task, string function, int line)
    {
        SchedulingPoints.Hit(task, SchedulingPoint.Acquire, this);
        task.preempt_count += PREEMPT_OFFSET;
        if (Interlocked.CompareExchange(ref this.cnts, WRITER, 0) != 0)
        {
            task.preempt_count -= PREEMPT_OFFSET;
            return false;
        }

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
        Interlocked.And(ref this.cnts, ~WRITER);
        PreemptEnable(task);
        SchedulingPoints.Hit(task, SchedulingPoint.Release, this);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SpinRead(task_struct task)
    {
        if (ReferenceEquals(this.owner, task))
            throw new KernelOops($"BUG: rwlock recursion: {task} reads {this.name}, which it has for writing");
        int keepOut = (task.preempt_count & (HARDIRQ_MASK | SOFTIRQ_OFFSET)) != 0 ? WRITER : WRITER | WAITING;
        var spinner = default(SpinWait);
        while (true)
        {
            int seen = Volatile.Read(ref this.cnts);
            if ((seen & keepOut) == 0 && Interlocked.CompareExchange(ref this.cnts, seen + READER, seen) == seen)
                return;
            SpinOnce(task, this, ref spinner);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SpinWrite(task_struct task)
    {
        if (ReferenceEquals(this.owner, task))
            throw new KernelOops($"BUG: rwlock recursion on {this.name} by {task}");
        var spinner = default(SpinWait);
        while (true)
        {
            int seen = Volatile.Read(ref this.cnts);
            if ((seen & ~WAITING) == 0)
            {
                // Several writers may wait: whoever wins clears the mark, the losers set it again.
                if (Interlocked.CompareExchange(ref this.cnts, WRITER, seen) == seen)
                    return;
                continue;
            }

            if ((seen & WAITING) == 0)
                Interlocked.CompareExchange(ref this.cnts, seen | WAITING, seen);
            SpinOnce(task, this, ref spinner);
        }
    }

    private static void SpinOnce(task_struct task, object target, ref SpinWait spinner)
    {
        if (SchedulingPoints.IsSupported && task.kernel.Explorer is { } explorer)
        {
            explorer.Spin(task, target);
            return;
        }

        task.rq.hw.Poll();
        spinner.SpinOnce();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Unbalanced(task_struct task) => throw new KernelOops($"BUG: rwlock {this.name} released by {task}, which does not hold it");
}
