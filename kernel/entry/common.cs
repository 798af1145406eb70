// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/entry/common.c, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    /// <summary>From user mode into the kernel: takes a CPU, the one of last time if it is free. Nothing else, as on silicon.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void EnterKernel()
    {
        SchedulingPoints.Hit(this, SchedulingPoint.Enter, null);
        Core.AcquireCpu(this);
    }

    /// <summary>
    /// Back to user mode: runs task work, delivers signals, gives up the CPU. Throws <see cref="SignalDelivered"/>, in user mode, for a signal that
    /// kills the process.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void ExitToUser()
    {
        kernel_siginfo fatal = default;
        if (this.thread_flags != 0 || this.preempt_count != 0 || this.lockdep is not null)
            fatal = Common.exit_to_user_mode_prepare(this);
        Core.ReleaseCpu(this);
        SchedulingPoints.Hit(this, SchedulingPoint.Exit, null);
        if (fatal.si_signo != 0)
            throw new SignalDelivered(fatal);
    }
}

internal static class Common
{
    internal static void syscall_enter_from_user_mode() => current.EnterKernel();

    internal static void syscall_exit_to_user_mode() => current.ExitToUser();

    /// <summary>Runs task work and signal handlers until none is left; returns the signal that kills the process, if one does.</summary>
    internal static kernel_siginfo exit_to_user_mode_prepare(task_struct task)
    {
        kernel_siginfo fatal = default;
        while ((Volatile.Read(ref task.thread_flags) & ((1 << TIF_NOTIFY_RESUME) | (1 << TIF_SIGPENDING) | (1 << TIF_NOTIFY_SIGNAL))) != 0 &&
            fatal.si_signo == 0)
        {
            if (test_tsk_thread_flag(task, TIF_NOTIFY_RESUME) || test_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL))
            {
                clear_tsk_thread_flag(task, TIF_NOTIFY_RESUME);
                clear_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL);
                task_work_run();
            }

            if (test_tsk_thread_flag(task, TIF_SIGPENDING) && task.DequeueSignal(out kernel_siginfo info))
            {
                task.RecordDelivery(info);
                if (info.si_signo == Signal.SIGKILL || task.SignalHandler is not { } handler || !handler(info))
                    fatal = info;
            }
        }

        task.lockdep?.ReturnToUser();
        if (task.preempt_count != 0 || task.irqs_off)
            throw new KernelOops($"BUG: {task} returns to user mode with preempt_count 0x{task.preempt_count:x}, irqs {(task.irqs_off ? "off" : "on")}");
        return fatal;
    }
}
