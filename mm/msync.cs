// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/msync.c, Linux 6.18.
namespace Linux;

internal static class Msync
{
    [MightSleep]
    internal static long sys_msync(ulong start, ulong len, int flags)
    {
        mm_struct mm = current.mm!;
        int unmapped_error = 0;
        if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0)
            return -EINVAL;
        if ((start & ~PAGE_MASK) != 0)
            return -EINVAL;
        if ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0)
            return -EINVAL;
        len = PAGE_ALIGN(len);
        ulong end = start + len;
        if (end < start)
            return -ENOMEM;
        if (end == start)
            return 0;

        down_read(mm.mmap_lock);
        int error;
        vm_area_struct? vma = find_vma(mm, start);
        while (true)
        {
            error = -ENOMEM;
            if (vma is null)
                goto out_unlock;
            if (start < vma.vm_start)
            {
                // A hole: remembered, and with MS_ASYNC alone the end.
                if (flags == MS_ASYNC)
                    goto out_unlock;
                start = vma.vm_start;
                if (start >= end)
                    goto out_unlock;
                unmapped_error = -ENOMEM;
            }

            if ((flags & MS_INVALIDATE) != 0 && (vma.vm_flags & VM_LOCKED) != 0)
            {
                error = -EBUSY;
                goto out_unlock;
            }

            @file? file = vma.vm_file;
            long fstart = (long)((start - vma.vm_start) + (vma.vm_pgoff << PAGE_SHIFT));
            long fend = fstart + (long)(Math.Min(end, vma.vm_end) - start) - 1;
            start = vma.vm_end;
            if ((flags & MS_SYNC) != 0 && file is not null && (vma.vm_flags & VM_SHARED) != 0)
            {
                get_file(file);
                up_read(mm.mmap_lock);
                error = file.f_op.fsync?.Invoke(file, fstart, fend, 1) ?? -EINVAL;
                fput(file);
                if (error != 0 || start >= end)
                    return error != 0 ? error : unmapped_error;
                down_read(mm.mmap_lock);
                vma = find_vma(mm, start);
            }
            else
            {
                if (start >= end)
                {
                    error = 0;
                    goto out_unlock;
                }

                vma = find_vma(mm, vma.vm_end);
            }
        }

    out_unlock:
        up_read(mm.mmap_lock);
        return error != 0 ? error : unmapped_error;
    }
}
