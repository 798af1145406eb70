// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/process_vm_access.c, Linux 6.18.
namespace Linux;

internal static unsafe class ProcessVmAccess
{
    private const int PVM_MAX_PP_ARRAY_COUNT = 16;

    [MightSleep]
    internal static long sys_process_vm_readv(task_struct target, ulong local, ulong liovlen, ulong remote, ulong riovlen) =>
        process_vm_rw(target, local, liovlen, remote, riovlen, vm_write: false);

    [MightSleep]
    internal static long sys_process_vm_writev(task_struct target, ulong local, ulong liovlen, ulong remote, ulong riovlen) =>
        process_vm_rw(target, local, liovlen, remote, riovlen, vm_write: true);

    /// <summary>Copies one range of another process (or this one) from or to a range of the current one.</summary>
    /// <returns>Bytes copied, or a negative errno if none was.</returns>
    [MightSleep]
    private static long process_vm_rw(task_struct target, ulong local, ulong local_len, ulong remote, ulong remote_len, bool vm_write)
    {
        ulong len = Math.Min(local_len, remote_len);
        if (len == 0)
            return 0;
        if (!access_ok(local, local_len))
            return -EFAULT;
        if (target.mm is not { } mm || !mmget_not_zero(mm))
            return -ESRCH;
        ulong copied = 0;

        // More pages than fit on the stack need an array.
        if (((remote + len - 1) / PAGE_SIZE) - (remote / PAGE_SIZE) + 1 > PVM_MAX_PP_ARRAY_COUNT && should_fail(mm.kernel, "process_pages"))
        {
            mmput(mm);
            return -ENOMEM;
        }

        long rc = process_vm_rw_single_vec(mm, remote, len, local, ref copied, vm_write);
        mmput(mm);
        return copied != 0 ? (long)copied : rc;
    }

    [MightSleep]
    private static long process_vm_rw_single_vec(mm_struct mm, ulong addr, ulong len, ulong local, ref ulong copied, bool vm_write)
    {
        ulong pa = addr & PAGE_MASK;
        ulong start_offset = addr - pa;
        if (len == 0)
            return 0;
        ulong nr_pages = ((addr + len - 1) / PAGE_SIZE) - (addr / PAGE_SIZE) + 1;
        foll_flag flags = vm_write ? foll_flag.FOLL_WRITE : foll_flag.NONE;
        Span<page> process_pages = stackalloc page[PVM_MAX_PP_ARRAY_COUNT];
        long rc = 0;
        while (rc == 0 && nr_pages != 0 && len != 0)
        {
            long want = (long)Math.Min(nr_pages, PVM_MAX_PP_ARRAY_COUNT);
            down_read(mm.mmap_lock);
            long pinned_pages = pin_user_pages_remote(mm, pa, want, flags, process_pages);
            up_read(mm.mmap_lock);
            if (pinned_pages <= 0)
                return -EFAULT;
            ulong bytes = Math.Min(((ulong)pinned_pages * PAGE_SIZE) - start_offset, len);
            rc = process_vm_rw_pages(process_pages, start_offset, bytes, local + copied, out ulong done, vm_write);
            copied += done;
            len -= bytes;
            start_offset = 0;
            nr_pages -= (ulong)pinned_pages;
            pa += (ulong)pinned_pages * PAGE_SIZE;
            unpin_user_pages_dirty_lock(process_pages[..(int)pinned_pages], vm_write);
        }

        return rc;
    }

    [MightSleep]
    private static int process_vm_rw_pages(ReadOnlySpan<page> pages, ulong offset, ulong len, ulong local, out ulong done, bool vm_write)
    {
        done = 0;
        byte* bounce = stackalloc byte[(int)PAGE_SIZE];
        foreach (page page in pages)
        {
            if (len == 0)
                break;
            ulong copy = Math.Min(PAGE_SIZE - offset, len);
            ulong left;
            if (vm_write)
            {
                left = copy_from_user(bounce, local + done, copy);
                memcpy_to_page(page, offset, new ReadOnlySpan<byte>(bounce, (int)(copy - left)));
            }
            else
            {
                memcpy_from_page(new Span<byte>(bounce, (int)copy), page, offset);
                left = copy_to_user(local + done, bounce, copy);
            }

            done += copy - left;
            if (left != 0)
                return -EFAULT;
            len -= copy;
            offset = 0;
        }

        return 0;
    }

    /// <summary>process_vm_readv(2) of one range of the calling process.</summary>
    [MightSleep]
    internal static long sys_process_vm_readv(int pid, ulong lvec, ulong liovcnt, ulong rvec, ulong riovcnt, ulong flags) =>
        process_vm_rw(pid, lvec, liovcnt, rvec, riovcnt, flags, vm_write: false);

    [MightSleep]
    internal static long sys_process_vm_writev(int pid, ulong lvec, ulong liovcnt, ulong rvec, ulong riovcnt, ulong flags) =>
        process_vm_rw(pid, lvec, liovcnt, rvec, riovcnt, flags, vm_write: true);

    [MightSleep]
    private static long process_vm_rw(int pid, ulong lvec, ulong liovcnt, ulong rvec, ulong riovcnt, ulong flags, bool vm_write)
    {
        if (flags != 0 || liovcnt != 1 || riovcnt != 1)
            return -EINVAL;
        if (get_user(out ulong local, lvec) != 0 || get_user(out ulong local_len, lvec + 8) != 0 || get_user(out ulong remote, rvec) != 0 ||
            get_user(out ulong remote_len, rvec + 8) != 0)
            return -EFAULT;
        return pid != current.pid ? -ESRCH : process_vm_rw(current, local, local_len, remote, remote_len, vm_write);
    }
}
