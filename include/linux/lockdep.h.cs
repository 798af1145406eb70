// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/lockdep.h, Linux 6.18.
namespace Linux;

internal static class LockdepH
{
    internal const int SINGLE_DEPTH_NESTING = 1;

    /// <summary>Warns unless the current task holds the lock in any mode.</summary>
    [AssertsHeldShared("l")]
    [ContextUnsafe("the assertion itself")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void lockdep_assert_held(lockdep_map l, [CallerMemberName] string function = "", [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        if (current.lockdep is { } held)
            held.AssertHeld(l, null, function, file, line);
    }

    /// <summary>Of these two there is only one mode.</summary>
    [AssertsHeld("l")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void lockdep_assert_held(spinlock_t l, [CallerMemberName] string function = "", [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) => lockdep_assert_held_write(l, function, file, line);

    [AssertsHeld("l")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void lockdep_assert_held(mutex l, [CallerMemberName] string function = "", [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) => lockdep_assert_held_write(l, function, file, line);

    [AssertsHeld("l")]
    [ContextUnsafe("the assertion itself")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void lockdep_assert_held_write(lockdep_map l, [CallerMemberName] string function = "", [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        if (current.lockdep is { } held)
            held.AssertHeld(l, LockMode.Exclusive, function, file, line);
    }

    [AssertsHeldShared("l")]
    [ContextUnsafe("the assertion itself")]
    internal static void lockdep_assert_held_read(lockdep_map l, [CallerMemberName] string function = "", [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        if (current.lockdep is { } held)
            held.AssertHeld(l, LockMode.Shared, function, file, line);
    }

    internal static void lockdep_assert_not_held(lockdep_map l, [CallerMemberName] string function = "", [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        if (current.lockdep is { } held)
            held.AssertNotHeld(l, function, file, line);
    }

    /// <summary>True if the current task holds the lock, or if lockdep is off and cannot know.</summary>
    internal static bool lockdep_is_held(lockdep_map l) => current.lockdep is not { } held || held.IsHeld(l);

    internal static void lockdep_assert_once(bool condition, [CallerArgumentExpression(nameof(condition))] string expression = "",
        [CallerMemberName] string function = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (!condition && current.lockdep is not null)
            current.kernel.Warn(expression, function, file, line, once: true);
    }
}
