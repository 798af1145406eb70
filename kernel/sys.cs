// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/sys.c, Linux 6.18.
namespace Linux;

internal static class Sys
{
    /// <returns>0; -EINVAL for an unknown resource or a soft limit above the hard one; -EPERM for a raise of the hard one.</returns>
    [MustCheck]
    internal static int do_prlimit(task_struct tsk, uint resource, rlimit? new_rlim, out rlimit old_rlim)
    {
        old_rlim = default;
        if (resource >= ResourceH.RLIM_NLIMITS)
            return -EINVAL;
        if (new_rlim is { } check && check.rlim_cur > check.rlim_max)
            return -EINVAL;
        ref rlimit rlim = ref tsk.signal.rlim[resource];
        old_rlim = rlim;
        if (new_rlim is not { } wanted)
            return 0;
        if (wanted.rlim_max > rlim.rlim_max && !capable(Capability.CAP_SYS_RESOURCE))
            return -EPERM;
        rlim = wanted;
        return 0;
    }
}
