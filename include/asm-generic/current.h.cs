// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/asm-generic/current.h, Linux 6.18.
namespace Linux;

internal static class CurrentH
{
    // The one thread-static of the kernel: a task is a thread, and everything else hangs off its task.
    [ThreadStatic]
    private static task_struct? t_current;

    /// <summary>The task that runs on this thread.</summary>
    internal static task_struct current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => t_current ?? Off();
    }

    internal static task_struct? CurrentOrNull => t_current;

    internal static void SetCurrent(task_struct? task) => t_current = task;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static task_struct Off() => throw new KernelOops(
        "kernel code was called on a thread that is no kernel task; run it with Kernel.RunTask() or attach the thread with Kernel.Attach()");
}
