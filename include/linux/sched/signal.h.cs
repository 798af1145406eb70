// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/sched/signal.h, Linux 6.18.
namespace Linux;

/// <summary>What the threads of a process share beside memory and files: its resource limits.</summary>
internal sealed class signal_struct
{
    internal signal_struct()
    {
        Array.Fill(rlim, new rlimit { rlim_cur = ResourceH.RLIM_INFINITY, rlim_max = ResourceH.RLIM_INFINITY });
        rlim[ResourceH.RLIMIT_NOFILE] = new rlimit { rlim_cur = 1024, rlim_max = 4096 };
        rlim[ResourceH.RLIMIT_MEMLOCK] = new rlimit { rlim_cur = 8UL << 20, rlim_max = 8UL << 20 };
        rlim[ResourceH.RLIMIT_STACK] = new rlimit { rlim_cur = 8UL << 20, rlim_max = ResourceH.RLIM_INFINITY };
    }

    /// <summary>Limits by RLIMIT_*. The model's processes change them only from their own thread.</summary>
    internal readonly rlimit[] rlim = new rlimit[ResourceH.RLIM_NLIMITS];

    /// <summary>What a forked child begins with.</summary>
    internal signal_struct Clone()
    {
        var copy = new signal_struct();
        rlim.CopyTo(copy.rlim, 0);
        return copy;
    }
}

internal sealed partial class task_struct
{
    /// <summary>Shared by the threads of a process; kernel threads have limits that bind nothing.</summary>
    internal signal_struct signal = new();
}

internal static class SchedSignalH
{
    internal static ulong rlimit(int limit) => Volatile.Read(ref current.signal.rlim[limit].rlim_cur);

    internal static ulong rlimit_max(int limit) => Volatile.Read(ref current.signal.rlim[limit].rlim_max);
}
