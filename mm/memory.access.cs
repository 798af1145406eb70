// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/memory.c, Linux 6.18.
namespace Linux;

internal static unsafe partial class Memory
{
    /// <summary>Reads or writes the memory of a process, whose mm the caller holds; the way of ptrace and /proc/pid/mem.</summary>
    /// <returns>Bytes done before the first page that cannot be had; errors are not told apart.</returns>
    [MightSleep]
    internal static int access_remote_vm(mm_struct mm, ulong addr, byte* buf, int len, foll_flag gup_flags)
    {
        bool write = (gup_flags & foll_flag.FOLL_WRITE) != 0;
        int done = 0;
        page got = default;
        down_read(mm.mmap_lock);
        while (done < len)
        {
            long ret = get_user_pages_remote(mm, addr, 1, gup_flags, new Span<page>(ref got));
            if (ret != 1)
            {
                // A stack may have to grow first; that drops the lock when it fails.
                if (vma_lookup(mm, addr) is not null)
                    break;
                if (expand_stack(mm, addr) is null)
                    return done;
                continue;
            }

            int offset = (int)(addr & ~PAGE_MASK);
            int bytes = Math.Min(len - done, (int)PAGE_SIZE - offset);
            if (write)
            {
                memcpy_to_page(got, (ulong)offset, new ReadOnlySpan<byte>(buf + done, bytes));
                MarkDirty(page_folio(got));
            }
            else
            {
                memcpy_from_page(new Span<byte>(buf + done, bytes), got, (ulong)offset);
            }

            put_page(got);
            done += bytes;
            addr += (ulong)bytes;
        }

        up_read(mm.mmap_lock);
        return done;
    }

    /// <summary>The same for a task that may be about to die.</summary>
    [MightSleep]
    internal static int access_process_vm(task_struct tsk, ulong addr, byte* buf, int len, foll_flag gup_flags)
    {
        if (tsk.mm is not { } mm || !mmget_not_zero(mm))
            return 0;
        int ret = access_remote_vm(mm, addr, buf, len, gup_flags);
        mmput(mm);
        return ret;
    }
}
