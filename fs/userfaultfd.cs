// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/userfaultfd.c, Linux 6.18.
namespace Linux;

/// <summary>
/// Registration of a range with a userfaultfd, as far as its refusals and the answer. The traces unregister at once, so no fault is ever
/// handed to user space here.
/// </summary>
internal static class Userfaultfd
{
    private const ulong UFFDIO_REGISTER_MODE_MISSING = 1;
    private const ulong UFFDIO_REGISTER_MODE_WP = 2;
    private const ulong UFFDIO_REGISTER_MODE_MINOR = 4;

    // Bits of uffdio_register.ioctls.
    private const ulong UFFD_API_RANGE_IOCTLS = (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 8);
    private const ulong UFFDIO_WRITEPROTECT = 1 << 6;
    private const ulong UFFDIO_CONTINUE = 1 << 7;

    /// <returns>0 with the ioctls that the range supports; -EINVAL for a bad range or mode or memory that cannot be watched, -EPERM.</returns>
    [MustCheck]
    [MightSleep]
    internal static int userfaultfd_register(ulong start, ulong len, ulong mode, out ulong ioctls)
    {
        ioctls = 0;
        if (mode == 0 || (mode & ~(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR)) != 0)
            return -EINVAL;
        mm_struct mm = current.mm!;
        if (should_fail(mm.kernel, "userfaultfd_ctx"))
            return -ENOMEM;
        if (validate_range(mm, start, len) != 0)
            return -EINVAL;
        ulong end = start + len;
        int ret = 0;
        down_write(mm.mmap_lock);
        vm_area_struct? vma = find_vma(mm, start);
        if (vma is null || vma.vm_start >= end)
            ret = -EINVAL;
        for (; ret == 0 && vma is not null && vma.vm_start < end; vma = vma.Next)
        {
            if (!vma_can_userfault(vma, mode))
                ret = -EINVAL;
            else if ((vma.vm_flags & VM_MAYWRITE) == 0)
                ret = -EPERM;
        }

        up_write(mm.mmap_lock);
        if (ret != 0)
            return ret;
        ioctls = UFFD_API_RANGE_IOCTLS;
        if ((mode & UFFDIO_REGISTER_MODE_WP) != 0)
            ioctls |= UFFDIO_WRITEPROTECT;
        if ((mode & UFFDIO_REGISTER_MODE_MINOR) != 0)
            ioctls |= UFFDIO_CONTINUE;
        return 0;
    }

    private static int validate_range(mm_struct mm, ulong start, ulong len)
    {
        ulong task_size = mm.task_size;
        if (!PAGE_ALIGNED(start) || !PAGE_ALIGNED(len) || len == 0)
            return -EINVAL;
        if (start < mm.kernel.mmap_min_addr || start >= task_size || len > task_size - start)
            return -EINVAL;
        return 0;
    }

    private static bool vma_can_userfault(vm_area_struct vma, ulong mode)
    {
        bool shmem = vma.vm_file is { } file && Shmem.shmem_file(@file);
        if ((mode & UFFDIO_REGISTER_MODE_MINOR) != 0 && !shmem)
            return false;
        return vma_is_anonymous(vma) || shmem;
    }
}
