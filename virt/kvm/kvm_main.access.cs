// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/kvm_main.c, Linux 6.18.
namespace Linux;

/// <summary>From guest frames to user addresses, to page frames, and KVM's own accesses by way of the user mapping.</summary>
internal static unsafe partial class KvmMain
{
    internal static readonly hva_t KVM_HVA_ERR_BAD = new(ulong.MaxValue & PAGE_MASK);
    internal static readonly hva_t KVM_HVA_ERR_RO_BAD = new((ulong.MaxValue & PAGE_MASK) + 2048);

    internal static bool kvm_is_error_hva(hva_t addr) => IS_ERR_VALUE(addr.Value) || addr.Value >= KVM_HVA_ERR_BAD.Value;

    internal static gfn_t hva_to_gfn_memslot(ulong hva, kvm_memory_slot slot) => slot.base_gfn + ((hva - slot.userspace_addr) >> PAGE_SHIFT);

    private static hva_t __gfn_to_hva_memslot(kvm_memory_slot slot, gfn_t gfn) => new(slot.userspace_addr + ((gfn - slot.base_gfn) << PAGE_SHIFT));

    internal static bool memslot_is_readonly(kvm_memory_slot slot) => (slot.flags & KVM_MEM_READONLY) != 0;

    private static hva_t __gfn_to_hva_many(kvm_memory_slot? slot, gfn_t gfn, bool write)
    {
        if (slot is null || (slot.flags & KVM_MEMSLOT_INVALID) != 0)
            return KVM_HVA_ERR_BAD;
        if (memslot_is_readonly(slot) && write)
            return KVM_HVA_ERR_RO_BAD;
        return __gfn_to_hva_memslot(slot, gfn);
    }

    internal static hva_t gfn_to_hva_memslot(kvm_memory_slot? slot, gfn_t gfn) => __gfn_to_hva_many(slot, gfn, write: true);

    internal static hva_t gfn_to_hva(kvm kvm, gfn_t gfn) => gfn_to_hva_memslot(gfn_to_memslot(kvm, gfn), gfn);

    internal static hva_t kvm_vcpu_gfn_to_hva(kvm_vcpu vcpu, gfn_t gfn) => gfn_to_hva_memslot(kvm_vcpu_gfn_to_memslot(vcpu, gfn), gfn);

    /// <summary>The address to read at, and whether writing is allowed there too.</summary>
    internal static hva_t gfn_to_hva_memslot_prot(kvm_memory_slot? slot, gfn_t gfn, out bool writable)
    {
        hva_t hva = __gfn_to_hva_many(slot, gfn, write: false);
        writable = !kvm_is_error_hva(hva) && !memslot_is_readonly(slot!);
        return hva;
    }

    internal static hva_t kvm_vcpu_gfn_to_hva_prot(kvm_vcpu vcpu, gfn_t gfn, out bool writable) =>
        gfn_to_hva_memslot_prot(kvm_vcpu_gfn_to_memslot(vcpu, gfn), gfn, out writable);

    internal static void kvm_release_page_clean(page page)
    {
        if (!page.IS_NULL)
            put_page(page);
    }

    internal static void kvm_release_page_dirty(page page)
    {
        if (page.IS_NULL)
            return;
        folio_mark_dirty(page_folio(page));
        put_page(page);
    }

    /// <summary>What the fault path hands back: unused, clean or dirty according to what became of it. Under mmu_lock.</summary>
    internal static void kvm_release_faultin_page(kvm kvm, page page, bool unused, bool dirty)
    {
        if (unused || !dirty)
            kvm_release_page_clean(page);
        else
            kvm_release_page_dirty(page);
    }

    /// <summary>
    /// The page frame behind a slot's user address, faulted in. A reference comes back in <paramref name="page"/> if the frame has one.
    /// </summary>
    /// <returns>A frame, or a KVM_PFN_ERR_* value: FAULT, HWPOISON, RO_FAULT, SIGPENDING.</returns>
    [MightSleep]
    internal static kvm_pfn_t __kvm_faultin_pfn(kvm_memory_slot? slot, gfn_t gfn, bool write, bool interruptible, out bool writable, [ReturnsReference] out page page)
    {
        writable = false;
        page = default;
        hva_t hva = __gfn_to_hva_many(slot, gfn, write);
        if (hva == KVM_HVA_ERR_RO_BAD)
            return KVM_PFN_ERR_RO_FAULT;
        if (kvm_is_error_hva(hva))
            return KVM_PFN_NOSLOT;
        bool may_write = !memslot_is_readonly(slot!);
        kvm_pfn_t pfn = hva_to_pfn(current.mm!, hva, write, may_write, interruptible, out writable, out page);
        writable &= may_write;
        return pfn;
    }

    private static kvm_pfn_t hva_to_pfn(mm_struct mm, hva_t hva, bool write, bool map_writable, bool interruptible, out bool writable, out page page)
    {
        might_sleep();
        if (hva_to_pfn_fast(hva, write || map_writable, out page))
        {
            writable = true;
            return new kvm_pfn_t(page_to_pfn(page));
        }

        int npages = hva_to_pfn_slow(hva, write, map_writable, interruptible, out writable, out page);
        if (npages == 1)
            return new kvm_pfn_t(page_to_pfn(page));
        return npages switch
        {
            -EINTR or -EAGAIN => KVM_PFN_ERR_SIGPENDING,
            -EHWPOISON => KVM_PFN_ERR_HWPOISON,
            _ => KVM_PFN_ERR_FAULT,
        };
    }

    /// <summary>Without sleeping, and only for writing: a page that may be written needs no second thought about copy-on-write.</summary>
    private static bool hva_to_pfn_fast(hva_t hva, bool write, out page page)
    {
        page = default;
        return write && get_user_page_fast_only(hva.Value, foll_flag.FOLL_WRITE, out page);
    }

    [MightSleep]
    private static int hva_to_pfn_slow(hva_t hva, bool write, bool map_writable, bool interruptible, out bool writable, out page page)
    {
        foll_flag flags = foll_flag.FOLL_HWPOISON;
        if (write)
            flags |= foll_flag.FOLL_WRITE;
        if (interruptible)
            flags |= foll_flag.FOLL_INTERRUPTIBLE;
        writable = write;
        page = default;
        int npages = (int)get_user_pages_unlocked(hva.Value, 1, new Span<page>(ref page), flags);
        if (npages != 1 || write || !map_writable)
            return npages;

        // A read fault that can be mapped writable at no cost spares the write fault that usually follows.
        if (get_user_page_fast_only(hva.Value, foll_flag.FOLL_WRITE, out page wpage))
        {
            writable = true;
            put_page(page);
            page = wpage;
        }

        return npages;
    }

    // Reading and writing guest memory. The user mapping is the way in: protection is the caller's address space's, and a page that is not
    // there is brought in. Nothing verifies that the mapping is of the memory that the guest sees.

    /// <returns>0 or -EFAULT.</returns>
    [MustCheck]
    [MightSleep]
    private static int __kvm_read_guest_page(kvm_memory_slot? slot, gfn_t gfn, void* data, int offset, int len)
    {
        if (WARN_ON_ONCE(offset + len > (int)PAGE_SIZE))
            return -EFAULT;
        hva_t addr = gfn_to_hva_memslot_prot(slot, gfn, out _);
        if (kvm_is_error_hva(addr))
            return -EFAULT;
        return __copy_from_user(data, addr.Value + (ulong)offset, (ulong)len) != 0 ? -EFAULT : 0;
    }

    [MustCheck]
    [MightSleep]
    internal static int kvm_read_guest_page(kvm kvm, gfn_t gfn, void* data, int offset, int len) =>
        __kvm_read_guest_page(gfn_to_memslot(kvm, gfn), gfn, data, offset, len);

    [MustCheck]
    [MightSleep]
    internal static int kvm_vcpu_read_guest_page(kvm_vcpu vcpu, gfn_t gfn, void* data, int offset, int len) =>
        __kvm_read_guest_page(kvm_vcpu_gfn_to_memslot(vcpu, gfn), gfn, data, offset, len);

    /// <returns>0 or -EFAULT; what was copied before the error stays.</returns>
    [MustCheck]
    [MightSleep]
    internal static int kvm_read_guest(kvm kvm, gpa_t gpa, void* data, ulong len)
    {
        byte* to = (byte*)data;
        for (gfn_t gfn = gpa_to_gfn(gpa); len > 0; gfn++)
        {
            int offset = (int)(gpa.Value & (PAGE_SIZE - 1));
            int seg = next_segment(len, offset);
            int ret = kvm_read_guest_page(kvm, gfn, to, offset, seg);
            if (ret < 0)
                return ret;
            len -= (ulong)seg;
            to += seg;
            gpa += (ulong)seg;
        }

        return 0;
    }

    /// <summary>Never sleeps: a page that is not mapped right now is -EFAULT.</summary>
    [MustCheck]
    internal static int kvm_vcpu_read_guest_atomic(kvm_vcpu vcpu, gpa_t gpa, void* data, ulong len)
    {
        gfn_t gfn = gpa_to_gfn(gpa);
        hva_t addr = gfn_to_hva_memslot_prot(kvm_vcpu_gfn_to_memslot(vcpu, gfn), gfn, out _);
        if (kvm_is_error_hva(addr))
            return -EFAULT;
        pagefault_disable();
        ulong left = __copy_from_user_inatomic(data, addr.Value + (gpa.Value & (PAGE_SIZE - 1)), len);
        pagefault_enable();
        return left != 0 ? -EFAULT : 0;
    }

    [MustCheck]
    [MightSleep]
    private static int __kvm_write_guest_page(kvm kvm, kvm_memory_slot? memslot, gfn_t gfn, void* data, int offset, int len)
    {
        if (WARN_ON_ONCE(offset + len > (int)PAGE_SIZE))
            return -EFAULT;
        hva_t addr = gfn_to_hva_memslot(memslot, gfn);
        if (kvm_is_error_hva(addr))
            return -EFAULT;
        if (__copy_to_user(addr.Value + (ulong)offset, data, (ulong)len) != 0)
            return -EFAULT;
        mark_page_dirty_in_slot(kvm, memslot, gfn);
        return 0;
    }

    [MustCheck]
    [MightSleep]
    internal static int kvm_write_guest_page(kvm kvm, gfn_t gfn, void* data, int offset, int len) =>
        __kvm_write_guest_page(kvm, gfn_to_memslot(kvm, gfn), gfn, data, offset, len);

    [MustCheck]
    [MightSleep]
    internal static int kvm_vcpu_write_guest_page(kvm_vcpu vcpu, gfn_t gfn, void* data, int offset, int len) =>
        __kvm_write_guest_page(vcpu.kvm, kvm_vcpu_gfn_to_memslot(vcpu, gfn), gfn, data, offset, len);

    [MustCheck]
    [MightSleep]
    internal static int kvm_write_guest(kvm kvm, gpa_t gpa, void* data, ulong len)
    {
        byte* from = (byte*)data;
        for (gfn_t gfn = gpa_to_gfn(gpa); len > 0; gfn++)
        {
            int offset = (int)(gpa.Value & (PAGE_SIZE - 1));
            int seg = next_segment(len, offset);
            int ret = kvm_write_guest_page(kvm, gfn, from, offset, seg);
            if (ret < 0)
                return ret;
            len -= (ulong)seg;
            from += seg;
            gpa += (ulong)seg;
        }

        return 0;
    }

    private static int next_segment(ulong len, int offset) => len > PAGE_SIZE - (ulong)offset ? (int)PAGE_SIZE - offset : (int)len;

    /// <summary>Prepares the exit that tells user space which access to guest memory could not be resolved.</summary>
    internal static void kvm_prepare_memory_fault_exit(kvm_vcpu vcpu, gpa_t gpa, ulong size, bool is_write, bool is_exec, bool is_private)
    {
        kvm_run* run = vcpu.run;
        run->exit_reason = KVM_EXIT_MEMORY_FAULT;
        run->memory_fault_gpa = gpa.Value;
        run->memory_fault_size = size;

        // Bits for read, write and execute are reserved and not reported.
        run->memory_fault_flags = is_private ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0;
    }

    // The fault side of the invalidation protocol.

    /// <summary>Whether a fault that snapshot <paramref name="mmu_seq"/> must start over. Under mmu_lock.</summary>
    [MustHoldShared("kvm.mmu_lock")]
    internal static bool mmu_invalidate_retry(kvm kvm, ulong mmu_seq) =>
        Volatile.Read(ref kvm.mmu_invalidate_in_progress) != 0 || Volatile.Read(ref kvm.mmu_invalidate_seq) != mmu_seq;

    /// <summary>The same, but an invalidation in progress counts only if its range covers the frame. Under mmu_lock.</summary>
    [MustHoldShared("kvm.mmu_lock")]
    internal static bool mmu_invalidate_retry_gfn(kvm kvm, ulong mmu_seq, gfn_t gfn)
    {
        if (kvm.mmu_invalidate_in_progress != 0)
        {
            // Drop this check and a fault between begin and range_add would be let through.
            if (WARN_ON_ONCE(kvm.mmu_invalidate_range_start.Value == ulong.MaxValue))
                return true;
            if (gfn >= kvm.mmu_invalidate_range_start && gfn < kvm.mmu_invalidate_range_end)
                return true;
        }

        return Volatile.Read(ref kvm.mmu_invalidate_seq) != mmu_seq;
    }

    /// <summary>A hint without the lock: saves work for faults that would have to retry.</summary>
    [ContextUnsafe("a hint: whoever goes on looks again under mmu_lock")]
    internal static bool mmu_invalidate_retry_gfn_unsafe(kvm kvm, ulong mmu_seq, gfn_t gfn)
    {
        if (Volatile.Read(ref kvm.mmu_invalidate_in_progress) != 0 && gfn >= kvm.mmu_invalidate_range_start && gfn < kvm.mmu_invalidate_range_end)
            return true;
        return Volatile.Read(ref kvm.mmu_invalidate_seq) != mmu_seq;
    }
}
