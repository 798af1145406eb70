// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/proc/base.c, Linux 6.18.
namespace Linux;

internal static unsafe class Base
{
    /// <summary>pread and pwrite on /proc/self/mem: other people's protection does not bind, missing memory does.</summary>
    /// <returns>Bytes moved, or -EIO if none could be, -EFAULT for a bad buffer.</returns>
    [MightSleep]
    internal static long mem_rw(ulong buf, ulong addr, ulong count, bool write)
    {
        mm_struct mm = current.mm!;
        if (should_fail(mm.kernel, "fail_page_alloc"))
            return -ENOMEM;
        byte* page = stackalloc byte[(int)PAGE_SIZE];
        foll_flag flags = foll_flag.FOLL_FORCE | (write ? foll_flag.FOLL_WRITE : foll_flag.NONE);
        long copied = 0;
        while (count > 0)
        {
            int this_len = (int)Math.Min(count, PAGE_SIZE);
            if (write && copy_from_user(page, buf, (ulong)this_len) != 0)
                return copied != 0 ? copied : -EFAULT;
            this_len = access_remote_vm(mm, addr, page, this_len, flags);
            if (this_len == 0)
                return copied != 0 ? copied : -EIO;
            if (!write && copy_to_user(buf, page, (ulong)this_len) != 0)
                return copied != 0 ? copied : -EFAULT;
            buf += (ulong)this_len;
            addr += (ulong)this_len;
            copied += this_len;
            count -= (ulong)this_len;
        }

        return copied;
    }
}
