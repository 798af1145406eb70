// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// What happens when the MMU refuses a user address: the part of a page fault that architectures share, between the decoding of the
/// hardware's report and <c>handle_mm_fault</c>.
/// </summary>
internal static unsafe class UserFault
{
    private const fault_flag DefaultFlags = fault_flag.FAULT_FLAG_ALLOW_RETRY | fault_flag.FAULT_FLAG_KILLABLE | fault_flag.FAULT_FLAG_INTERRUPTIBLE;

    /// <summary>Handles a fault of the current task.</summary>
    /// <param name="task">The current task.</param>
    /// <param name="address">The address that was accessed.</param>
    /// <param name="write">Whether by a store.</param>
    /// <param name="exec">Whether by a fetch.</param>
    /// <param name="user">Whether in user mode: then a signal is queued when the access is refused. The kernel gets its copy shortened.</param>
    /// <returns>Whether to make the access again.</returns>
    [MightSleep]
    internal static bool Handle(task_struct task, ulong address, bool write, bool exec, bool user)
    {
        mm_struct? mm = task.mm;
        if (mm is null || task.pagefault_disabled != 0 || address >= mm.task_size)
        {
            if (user)
                force_sig_fault(SIGSEGV, SEGV_MAPERR, address);
            return false;
        }

        fault_flag flags = DefaultFlags;
        if (user)
            flags |= fault_flag.FAULT_FLAG_USER;
        if (write)
            flags |= fault_flag.FAULT_FLAG_WRITE;
        if (exec)
            flags |= fault_flag.FAULT_FLAG_INSTRUCTION;
        while (true)
        {
            down_read(mm.mmap_lock);
            vm_area_struct? vma = find_vma(mm, address);
            if (vma is not null && vma.vm_start > address)
            {
                if ((vma.vm_flags & VM_GROWSDOWN) == 0)
                {
                    vma = null;
                }
                else
                {
                    vma = expand_stack(mm, address);
                    if (vma is null)
                        return Refuse(user, SIGSEGV, SEGV_MAPERR, address);
                }
            }

            if (vma is null)
            {
                up_read(mm.mmap_lock);
                return Refuse(user, SIGSEGV, SEGV_MAPERR, address);
            }

            // Memory that may be written may be read, as the hardware has it.
            bool allowed = write ? (vma.vm_flags & VM_WRITE) != 0 : exec ? (vma.vm_flags & VM_EXEC) != 0 : vma_is_accessible(vma);
            if (!allowed)
            {
                up_read(mm.mmap_lock);
                return Refuse(user, SIGSEGV, SEGV_ACCERR, address);
            }

            mmap_assert_locked(vma.vm_mm);
            vm_fault_t fault = handle_mm_fault(vma, address, flags);
            up_read(mm.mmap_lock);
            if ((fault & (vm_fault_t.VM_FAULT_ERROR | vm_fault_t.VM_FAULT_RETRY)) == 0)
                return true;
            if ((fault & vm_fault_t.VM_FAULT_RETRY) != 0)
            {
                if (fatal_signal_pending(task))
                    return false;
                flags |= fault_flag.FAULT_FLAG_TRIED;
                cond_resched();
                continue;
            }

            if ((fault & vm_fault_t.VM_FAULT_OOM) != 0)
            {
                if (!user)
                    return false;
                OomKill.pagefault_out_of_memory(task);
                if (fatal_signal_pending(task))
                    return false;
                continue;
            }

            if ((fault & (vm_fault_t.VM_FAULT_HWPOISON | vm_fault_t.VM_FAULT_HWPOISON_LARGE)) != 0)
            {
                if (user)
                    force_sig_mceerr(BUS_MCEERR_AR, address, PAGE_SHIFT);
                return false;
            }

            return (fault & vm_fault_t.VM_FAULT_SIGBUS) != 0
                ? Refuse(user, SIGBUS, BUS_ADRERR, address)
                : Refuse(user, SIGSEGV, SEGV_MAPERR, address);
        }
    }

    /// <summary>Copies out of user memory with the kernel's patience: faults in, stops where it cannot.</summary>
    /// <returns>Bytes not copied.</returns>
    [MightSleep]
    internal static ulong CopyFrom(task_struct task, byte* to, ulong from, ulong n)
    {
        while (n != 0)
        {
            byte* p = task.rq.hw.TryAccess(from, AccessKind.UserRead, out WalkFault fault);
            if (p == null)
            {
                if (!Handle(task, fault.Address, write: false, exec: false, user: false))
                    return n;
                continue;
            }

            ulong chunk = Math.Min(n, PAGE_SIZE - (from & ~PAGE_MASK));
            Buffer.MemoryCopy(p, to, chunk, chunk);
            task.rq.hw.Count(HwEvent.KernelLoadByte, (long)chunk);
            to += chunk;
            from += chunk;
            n -= chunk;
        }

        return 0;
    }

    /// <summary>Copies into user memory; zeroes if there is no source.</summary>
    /// <returns>Bytes not copied.</returns>
    [MightSleep]
    internal static ulong CopyTo(task_struct task, ulong to, byte* from, ulong n)
    {
        while (n != 0)
        {
            byte* p = task.rq.hw.TryAccess(to, AccessKind.UserWrite, out WalkFault fault);
            if (p == null)
            {
                if (!Handle(task, fault.Address, write: true, exec: false, user: false))
                    return n;
                continue;
            }

            ulong chunk = Math.Min(n, PAGE_SIZE - (to & ~PAGE_MASK));
            if (from == null)
            {
                new Span<byte>(p, (int)chunk).Clear();
            }
            else
            {
                Buffer.MemoryCopy(from, p, chunk, chunk);
                from += chunk;
            }

            task.rq.hw.Count(HwEvent.KernelStoreByte, (long)chunk);
            to += chunk;
            n -= chunk;
        }

        return 0;
    }

    private static bool Refuse(bool user, int sig, int code, ulong address)
    {
        if (user)
            force_sig_fault(sig, code, address);
        return false;
    }
}
