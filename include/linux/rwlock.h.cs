// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/rwlock.h, Linux 6.18.
namespace Linux;

internal static class RwlockH
{
    internal static void rwlock_init(rwlock_t @lock, [CallerArgumentExpression(nameof(@lock))] string name = "",
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => @lock.SetName(name, file, line);

    [AcquiresShared("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void read_lock(rwlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.EnterRead(current, function, line);

    [CondAcquiresShared(true, "lock")]
    [MustCheck]
    internal static bool read_trylock(rwlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.TryEnterRead(current, function, line);

    [ReleasesShared("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void read_unlock(rwlock_t @lock) => @lock.ExitRead(current);

    [Acquires("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void write_lock(rwlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.EnterWrite(current, 0, function, line);

    [Acquires("lock")]
    internal static void write_lock_nested(rwlock_t @lock, int subclass, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.EnterWrite(current, subclass, function, line);

    [CondAcquires(true, "lock")]
    [MustCheck]
    internal static bool write_trylock(rwlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.TryEnterWrite(current, function, line);

    [Releases("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void write_unlock(rwlock_t @lock) => @lock.ExitWrite(current);

    [AcquiresShared("lock")]
    internal static void read_lock_irq(rwlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        IrqOff(task);
        @lock.EnterRead(task, function, line);
    }

    [ReleasesShared("lock")]
    internal static void read_unlock_irq(rwlock_t @lock)
    {
        task_struct task = current;
        @lock.ExitRead(task);
        IrqOn(task);
    }

    [AcquiresShared("lock")]
    internal static void read_lock_irqsave(rwlock_t @lock, out ulong flags, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        flags = task.irqs_off ? 0UL : 1UL;
        IrqOff(task);
        @lock.EnterRead(task, function, line);
    }

    [ReleasesShared("lock")]
    internal static void read_unlock_irqrestore(rwlock_t @lock, ulong flags)
    {
        task_struct task = current;
        @lock.ExitRead(task);
        if (flags != 0)
            IrqOn(task);
    }

    [Acquires("lock")]
    internal static void write_lock_irq(rwlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        IrqOff(task);
        @lock.EnterWrite(task, 0, function, line);
    }

    [Releases("lock")]
    internal static void write_unlock_irq(rwlock_t @lock)
    {
        task_struct task = current;
        @lock.ExitWrite(task);
        IrqOn(task);
    }

    [Acquires("lock")]
    internal static void write_lock_irqsave(rwlock_t @lock, out ulong flags, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        flags = task.irqs_off ? 0UL : 1UL;
        IrqOff(task);
        @lock.EnterWrite(task, 0, function, line);
    }

    [Releases("lock")]
    internal static void write_unlock_irqrestore(rwlock_t @lock, ulong flags)
    {
        task_struct task = current;
        @lock.ExitWrite(task);
        if (flags != 0)
            IrqOn(task);
    }

    /// <summary>True if a writer spins; a reader that could go on for long drops the lock then.</summary>
    internal static int rwlock_needbreak(rwlock_t @lock) => @lock.IsContended ? 1 : 0;
}
