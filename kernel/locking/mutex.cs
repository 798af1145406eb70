// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/locking/mutex.c, Linux 6.18.
namespace Linux;

internal static class Mutex
{
    internal static void mutex_init(mutex @lock, [CallerArgumentExpression(nameof(@lock))] string name = "",
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => @lock.SetName(name, file, line);

    [Acquires("lock")]
    [MightSleep]
    [ContextUnsafe("an uninterruptible Enter() always returns 0, which the contract of Enter() cannot say")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void mutex_lock(mutex @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        _ = @lock.Enter(current, TASK_UNINTERRUPTIBLE, 0, function, line);

    [Acquires("lock")]
    [MightSleep]
    [ContextUnsafe("an uninterruptible Enter() always returns 0, which the contract of Enter() cannot say")]
    internal static void mutex_lock_nested(mutex @lock, int subclass, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        _ = @lock.Enter(current, TASK_UNINTERRUPTIBLE, subclass, function, line);

    [CondAcquires(true, "lock")]
    [MightSleep]
    [MustCheck]
    internal static int mutex_lock_killable(mutex @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.Enter(current, TASK_KILLABLE, 0, function, line);

    [CondAcquires(true, "lock")]
    [MightSleep]
    [MustCheck]
    internal static int mutex_lock_killable_nested(mutex @lock, int subclass, [CallerMemberName] string function = "",
        [CallerLineNumber] int line = 0) => @lock.Enter(current, TASK_KILLABLE, subclass, function, line);

    [CondAcquires(true, "lock")]
    [MightSleep]
    [MustCheck]
    internal static int mutex_lock_interruptible(mutex @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.Enter(current, TASK_INTERRUPTIBLE, 0, function, line);

    /// <summary>Takes the mutex if it is free; never sleeps.</summary>
    [CondAcquires(true, "lock")]
    [MustCheck]
    internal static bool mutex_trylock(mutex @lock, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        @lock.TryEnter(current, function, line);

    [Releases("lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void mutex_unlock(mutex @lock) => @lock.Exit(current);

    internal static bool mutex_is_locked(mutex @lock) => @lock.IsLocked;

    internal static void mutex_destroy(mutex @lock) => debug_check_no_locks_freed(@lock);
}
