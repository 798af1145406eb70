// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/signal.c, Linux 6.18.
namespace Linux;

/// <summary>What a signal carries to user mode.</summary>
internal readonly record struct kernel_siginfo(int si_signo, int si_code, ulong si_addr, short si_addr_lsb = 0);

/// <summary>
/// A signal without a handler reached user mode: the process dies of it. Thrown out of the system call on the task's own thread, in user mode.
/// </summary>
internal sealed class SignalDelivered : Exception
{
    internal SignalDelivered(kernel_siginfo info)
        : base($"signal {info.si_signo}, code {info.si_code}, address 0x{info.si_addr:x}")
    {
        this.Info = info;
    }

    internal kernel_siginfo Info { get; }
}

internal sealed partial class task_struct
{
    private readonly Lock siglock = new();
    private readonly Queue<kernel_siginfo> siginfo = new();
    private readonly List<kernel_siginfo> delivered = [];

    /// <summary>Signals that wait for delivery, bit n-1 for signal n. Changed under siglock, read by anybody.</summary>
    internal ulong pending;

    /// <summary>Signals that wait but may not be delivered.</summary>
    internal ulong blocked;

    /// <summary>User mode's handler: returns true if it took the signal, false for the default action.</summary>
    internal Func<kernel_siginfo, bool>? SignalHandler { get; set; }

    /// <summary>Every signal that was delivered to user mode, in order.</summary>
    internal IReadOnlyList<kernel_siginfo> Delivered => this.delivered;

    internal bool QueueSignal(kernel_siginfo info)
    {
        ulong bit = 1UL << (info.si_signo - 1);
        lock (this.siglock)
        {
            if ((this.pending & bit) != 0)
                return false;
            this.siginfo.Enqueue(info);
            Volatile.Write(ref this.pending, this.pending | bit);
            this.RecalcSigpending();
            return true;
        }
    }

    /// <summary>Takes the next signal that is not blocked, SIGKILL first.</summary>
    internal bool DequeueSignal(out kernel_siginfo info)
    {
        lock (this.siglock)
        {
            info = default;
            ulong kill = 1UL << (Signal.SIGKILL - 1);
            for (int i = this.siginfo.Count; i > 0; i--)
            {
                kernel_siginfo candidate = this.siginfo.Dequeue();
                ulong bit = 1UL << (candidate.si_signo - 1);
                bool deliverable = bit == kill || (this.blocked & bit) == 0;
                bool better = deliverable && (info.si_signo == 0 || (bit == kill && info.si_signo != Signal.SIGKILL));
                if (better)
                {
                    if (info.si_signo != 0)
                        this.siginfo.Enqueue(info);
                    info = candidate;
                }
                else
                {
                    this.siginfo.Enqueue(candidate);
                }
            }

            if (info.si_signo == 0)
                return false;
            Volatile.Write(ref this.pending, this.pending & ~(1UL << (info.si_signo - 1)));
            this.RecalcSigpending();
            return true;
        }
    }

    internal void SetBlocked(ulong mask)
    {
        lock (this.siglock)
        {
            this.blocked = mask & ~(1UL << (Signal.SIGKILL - 1));
            this.RecalcSigpending();
        }
    }

    internal void RecordDelivery(kernel_siginfo info) => this.delivered.Add(info);

    private void RecalcSigpending()
    {
        if ((this.pending & ~this.blocked) != 0)
            set_tsk_thread_flag(this, TIF_SIGPENDING);
        else
            clear_tsk_thread_flag(this, TIF_SIGPENDING);
    }
}

internal static class Signal
{
    internal const int SIGHUP = 1;
    internal const int SIGINT = 2;
    internal const int SIGILL = 4;
    internal const int SIGTRAP = 5;
    internal const int SIGBUS = 7;
    internal const int SIGKILL = 9;
    internal const int SIGUSR1 = 10;
    internal const int SIGSEGV = 11;
    internal const int SIGPIPE = 13;
    internal const int SIGALRM = 14;
    internal const int SIGTERM = 15;
    internal const int SIGXFSZ = 25;

    internal const int SI_USER = 0;
    internal const int SI_KERNEL = 0x80;
    internal const int SEGV_MAPERR = 1;
    internal const int SEGV_ACCERR = 2;
    internal const int BUS_ADRALN = 1;
    internal const int BUS_ADRERR = 2;
    internal const int BUS_OBJERR = 3;
    internal const int BUS_MCEERR_AR = 4;
    internal const int BUS_MCEERR_AO = 5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool signal_pending(task_struct task) =>
        (Volatile.Read(ref task.thread_flags) & ((1 << TIF_SIGPENDING) | (1 << TIF_NOTIFY_SIGNAL))) != 0;

    internal static bool fatal_signal_pending(task_struct task) => signal_pending(task) && (Volatile.Read(ref task.pending) & (1UL << (SIGKILL - 1))) != 0;

    internal static bool signal_pending_state(int state, task_struct task)
    {
        if ((state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)) == 0)
            return false;
        return signal_pending(task) && ((state & TASK_INTERRUPTIBLE) != 0 || fatal_signal_pending(task));
    }

    /// <summary>Sends a signal; wakes the task if it sleeps interruptibly, or killably for SIGKILL. May be called from any thread.</summary>
    [MustCheck]
    internal static int send_sig_info(int sig, kernel_siginfo info, task_struct task)
    {
        if (sig is < 1 or > 64)
            return -EINVAL;
        if (!task.QueueSignal(info with { si_signo = sig }))
            return 0;
        signal_wake_up(task, sig == SIGKILL);
        return 0;
    }

    [MustCheck]
    internal static int send_sig(int sig, task_struct task, int priv) =>
        send_sig_info(sig, new kernel_siginfo(sig, priv != 0 ? SI_KERNEL : SI_USER, 0), task);

    /// <summary>A fault of the current task that it cannot continue from; a blocked signal is delivered all the same.</summary>
    internal static void force_sig_fault(int sig, int code, ulong addr)
    {
        task_struct task = current;
        task.SetBlocked(task.blocked & ~(1UL << (sig - 1)));
        task.QueueSignal(new kernel_siginfo(sig, code, addr));
    }

    internal static void force_sig_mceerr(int code, ulong addr, short lsb)
    {
        task_struct task = current;
        task.SetBlocked(task.blocked & ~(1UL << (SIGBUS - 1)));
        task.QueueSignal(new kernel_siginfo(SIGBUS, code, addr, lsb));
    }

    internal static void signal_wake_up(task_struct task, bool fatal)
    {
        if (!wake_up_state_bool(task, TASK_INTERRUPTIBLE | (fatal ? TASK_WAKEKILL : 0)))
            task.KickFromGuest?.Invoke(task);
    }

    private static bool wake_up_state_bool(task_struct task, int state) => wake_up_state(task, state) != 0;
}

internal sealed partial class task_struct
{
    /// <summary>Set while the task is in guest mode: makes it leave, so that it sees its signals.</summary>
    internal Action<task_struct>? KickFromGuest { get; set; }
}
