// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/migrate.c, Linux 6.18.
namespace Linux;

internal static unsafe partial class Migrate
{
    private const int MPOL_MF_MOVE_BITS = 6;

    /// <summary>Tells where pages are, or moves them. On one node there is nowhere to move to: a page is there already or cannot be.</summary>
    /// <returns>0 with a node or a negative errno for each page, or a negative errno.</returns>
    [MightSleep]
    internal static long kernel_move_pages(ReadOnlySpan<ulong> pages, ReadOnlySpan<int> nodes, Span<int> status, int flags)
    {
        task_struct task = current;
        if ((flags & ~MPOL_MF_MOVE_BITS) != 0)
            return -EINVAL;
        if ((flags & (int)MPOL_MF_MOVE_ALL) != 0 && !capable(CAP_SYS_NICE))
            return -EPERM;
        mm_struct mm = task.mm!;
        foreach (int node in nodes)
        {
            if (node != 0)
                return -ENODEV;
        }

        do_pages_stat(mm, pages, status);
        return 0;
    }

    [MightSleep]
    private static void do_pages_stat(mm_struct mm, ReadOnlySpan<ulong> pages, Span<int> status)
    {
        down_read(mm.mmap_lock);
        for (int i = 0; i < pages.Length; i++)
        {
            vm_area_struct? vma = vma_lookup(mm, pages[i]);
            int err = -EFAULT;
            if (vma is not null)
            {
                pt_cursor cursor = new(mm);
                ulong table = cursor.WalkPte(pages[i], out _);
                pte_t pte = table == 0 ? default : ptep_get((ulong*)mm.memory.Host(table) + pte_index(pages[i]));
                if (pte.val == 0 || !mm.arch.pte_present(pte))
                    err = -ENOENT;
                else if (mm.arch.pte_pfn(pte) != mm.kernel.zero_pfn)
                    err = 0;
            }

            status[i] = err;
        }

        up_read(mm.mmap_lock);
    }

    /// <summary>move_pages(2) of the calling process; without <paramref name="nodes"/> it only asks.</summary>
    [MightSleep]
    internal static long sys_move_pages(int pid, ulong nr_pages, ulong pages, ulong nodes, ulong status, int flags)
    {
        const ulong Most = 1 << 16;
        if (pid != 0 && pid != current.pid)
            return -ESRCH;
        if (nr_pages > Most)
            return -ENOMEM;
        ulong[] at = new ulong[nr_pages];
        int[] targets = nodes == 0 ? [] : new int[nr_pages];
        for (ulong i = 0; i < nr_pages; i++)
        {
            if (get_user(out at[i], pages + (i * sizeof(ulong))) != 0 || (nodes != 0 && get_user(out targets[i], nodes + (i * sizeof(int))) != 0))
                return -EFAULT;
        }

        int[] found = new int[nr_pages];
        long err = kernel_move_pages(at, targets, found, flags);
        for (ulong i = 0; err == 0 && i < nr_pages; i++)
        {
            if (put_user(found[i], status + (i * sizeof(int))) != 0)
                err = -EFAULT;
        }

        return err;
    }
}
