// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/spinlock.h, Linux 6.18.
namespace Linux;

internal static class SpinlockH
{
    internal static void spin_lock_init(spinlock_t @lock, [CallerArgumentExpression(nameof(@lock))] string name = "",
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => @lock.SetName(name, file, line);

    [Acquires("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void spin_lock(spinlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.Enter(current, 0, function, line);

    [Acquires("lock")]
    internal static void spin_lock_nested(spinlock_t @lock, int subclass, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.Enter(current, subclass, function, line);

    [CondAcquires(true, "lock")]
    [MustCheck]
    internal static bool spin_trylock(spinlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.TryEnter(current, function, line);

    [Releases("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void spin_unlock(spinlock_t @lock) => @lock.Exit(current);

    [Acquires("lock")]
    internal static void spin_lock_irq(spinlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        IrqOff(task);
        @lock.Enter(task, 0, function, line);
    }

    [Releases("lock")]
    internal static void spin_unlock_irq(spinlock_t @lock)
    {
        task_struct task = current;
        @lock.Exit(task);
        IrqOn(task);
    }

    [Acquires("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void spin_lock_irqsave(spinlock_t @lock, out ulong flags, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        flags = task.irqs_off ? 0UL : 1UL;
        IrqOff(task);
        @lock.Enter(task, 0, function, line);
    }

    [CondAcquires(true, "lock")]
    [MustCheck]
    internal static bool spin_trylock_irqsave(spinlock_t @lock, out ulong flags, [CallerMemberName] string function = "",
        [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        flags = task.irqs_off ? 0UL : 1UL;
        IrqOff(task);
        bool locked = @lock.TryEnter(task, function, line);
        if (!locked && flags != 0)
            IrqOn(task);
        return locked;
    }

    [Releases("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void spin_unlock_irqrestore(spinlock_t @lock, ulong flags)
    {
        task_struct task = current;
        @lock.Exit(task);
        if (flags != 0)
            IrqOn(task);
    }

    [Acquires("lock")]
    internal static void spin_lock_bh(spinlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        local_bh_disable();
        @lock.Enter(current, 0, function, line);
    }

    [Releases("lock")]
    internal static void spin_unlock_bh(spinlock_t @lock)
    {
        @lock.Exit(current);
        local_bh_enable();
    }

    internal static bool spin_is_locked(spinlock_t @lock) => @lock.IsLocked;

    [Acquires("lock")]
    internal static void raw_spin_lock(spinlock_t @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.Enter(current, 0, function, line);

    [Releases("lock")]
    internal static void raw_spin_unlock(spinlock_t @lock) => @lock.Exit(current);

    [Acquires("lock")]
    internal static void raw_spin_lock_irqsave(spinlock_t @lock, out ulong flags, [CallerMemberName] string function = "",
        [CallerLineNumber] int line = 0) => spin_lock_irqsave(@lock, out flags, function, line);

    [Releases("lock")]
    internal static void raw_spin_unlock_irqrestore(spinlock_t @lock, ulong flags) => spin_unlock_irqrestore(@lock, flags);
}
