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

    /// <summary>prlimit64(2) of the calling process itself.</summary>
    [MustCheck]
    [MightSleep]
    internal static int sys_prlimit64(int pid, uint resource, ulong new_rlim, ulong old_rlim)
    {
        if (pid != 0 && pid != current.pid)
            return -ESRCH;
        rlimit? wanted = null;
        if (new_rlim != 0)
        {
            if (get_user(out ulong soft, new_rlim) != 0 || get_user(out ulong hard, new_rlim + 8) != 0)
                return -EFAULT;
            wanted = new rlimit { rlim_cur = soft, rlim_max = hard };
        }

        int error = do_prlimit(current, resource, wanted, out rlimit old);
        if (error != 0 || old_rlim == 0)
            return error;
        return put_user(old.rlim_cur, old_rlim) != 0 || put_user(old.rlim_max, old_rlim + 8) != 0 ? -EFAULT : 0;
    }
}
