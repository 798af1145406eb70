// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/util.c, Linux 6.18.
namespace Linux;

internal static class Util
{
    [MightSleep]
    internal static ulong vm_mmap_pgoff(@file? file, ulong addr, ulong len, ulong prot, ulong flag, pgoff_t pgoff)
    {
        mm_struct mm = current.mm!;
        if (down_write_killable(mm.mmap_lock) != 0)
            return unchecked((ulong)-EINTR);
        ulong ret = do_mmap(file, addr, len, prot, flag, 0, pgoff, out ulong populate);
        up_write(mm.mmap_lock);
        if (populate != 0)
            mm_populate(ret, populate);
        return ret;
    }

    /// <summary>Charges pages that somebody may ask for later, if the overcommit mode lets it.</summary>
    [MustCheck]
    internal static int security_vm_enough_memory_mm(mm_struct mm, long pages) => __vm_enough_memory(mm, pages);

    [MustCheck]
    internal static int __vm_enough_memory(mm_struct mm, long pages)
    {
        Kernel kernel = mm.kernel;
        vm_acct_memory(kernel, pages);
        if (!should_fail(kernel, "vm_enough_memory"))
        {
            long total = totalram_pages(kernel);
            switch (kernel.sysctl_overcommit_memory)
            {
                case OVERCOMMIT_ALWAYS:
                    return 0;
                case OVERCOMMIT_GUESS when pages <= total:
                    return 0;
                case OVERCOMMIT_NEVER when Volatile.Read(ref kernel.vm_committed_as) <= total / 2:
                    return 0;
            }
        }

        vm_unacct_memory(kernel, pages);
        return -ENOMEM;
    }

    /// <summary>Charges pages that a subsystem pins to the limit of locked memory. Under mmap_lock for writing.</summary>
    [MustHold("mm.mmap_lock")]
    [MustCheck]
    internal static int __account_locked_vm(mm_struct mm, ulong pages, bool inc, task_struct task, bool bypass_rlim)
    {
        if (!inc)
        {
            WARN_ON_ONCE(pages > mm.locked_vm);
            mm.locked_vm -= pages;
            return 0;
        }

        ulong limit = task.signal.rlim[RLIMIT_MEMLOCK].rlim_cur >> PAGE_SHIFT;
        if (!bypass_rlim && mm.locked_vm + pages > limit)
            return -ENOMEM;
        mm.locked_vm += pages;
        return 0;
    }

    [MightSleep]
    [MustCheck]
    internal static int account_locked_vm(mm_struct mm, ulong pages, bool inc)
    {
        if (pages == 0)
            return 0;
        down_write(mm.mmap_lock);
        int ret = __account_locked_vm(mm, pages, inc, current, capable(CAP_IPC_LOCK));
        up_write(mm.mmap_lock);
        return ret;
    }
}
