// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/asm-generic/bug.h, Linux 6.18.
using System.Diagnostics.CodeAnalysis;

namespace Linux;

internal static class BugH
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool WARN_ON(bool condition, [CallerArgumentExpression(nameof(condition))] string expression = "",
        [CallerMemberName] string function = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (condition)
            current.kernel.Warn(expression, function, file, line, once: false);
        return condition;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool WARN_ON_ONCE(bool condition, [CallerArgumentExpression(nameof(condition))] string expression = "",
        [CallerMemberName] string function = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (condition)
            current.kernel.Warn(expression, function, file, line, once: true);
        return condition;
    }

    internal static bool WARN(bool condition, string message,
        [CallerMemberName] string function = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (condition)
            current.kernel.Warn(message, function, file, line, once: false);
        return condition;
    }

    internal static bool WARN_ONCE(bool condition, string message,
        [CallerMemberName] string function = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (condition)
            current.kernel.Warn(message, function, file, line, once: true);
        return condition;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void BUG_ON([DoesNotReturnIf(true)] bool condition, [CallerArgumentExpression(nameof(condition))] string expression = "",
        [CallerMemberName] string function = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (condition)
            Die(expression, function, file, line);
    }

    [DoesNotReturn]
    internal static void BUG([CallerMemberName] string function = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Die("BUG()", function, file, line);

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Die(string what, string function, string file, int line) =>
        throw new KernelOops($"kernel BUG at {Path.GetFileName(@file)}:{line} in {function}(): {what}");
}
