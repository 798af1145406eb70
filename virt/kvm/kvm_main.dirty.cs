// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/kvm_main.c, Linux 6.18.
namespace Linux;

/// <summary>Dirty logging.</summary>
internal static unsafe partial class KvmMain
{
    private static bool kvm_use_dirty_bitmap(kvm kvm) => kvm.dirty_ring_size == 0;

    /// <summary>Gives every vCPU to come a ring of that many bytes.</summary>
    /// <returns>0; -EINVAL for a size that is no power of two, too small, or given before or too late; -E2BIG.</returns>
    [MustCheck]
    private static int kvm_vm_ioctl_enable_dirty_log_ring(kvm kvm, uint size)
    {
        const uint SizeOfEntry = 16;
        if (size == 0 || (size & (size - 1)) != 0)
            return -EINVAL;
        if (size < DirtyRing.KVM_DIRTY_RING_RSVD_ENTRIES * SizeOfEntry || size < PAGE_SIZE)
            return -EINVAL;
        if (size > DirtyRing.KVM_DIRTY_RING_MAX_ENTRIES * SizeOfEntry)
            return -E2BIG;
        if (kvm.dirty_ring_size != 0)
            return -EINVAL;
        int r = -EINVAL;
        mutex_lock(kvm.@lock);
        if (kvm.created_vcpus == 0)
        {
            kvm.dirty_ring_size = size;
            r = 0;
        }

        mutex_unlock(kvm.@lock);
        return r;
    }

    private static ulong kvm_dirty_bitmap_bytes(kvm_memory_slot memslot) => (memslot.npages + 63) / 64 * 8;

    [MustCheck]
    private static int kvm_alloc_dirty_bitmap(kvm kvm, kvm_memory_slot memslot)
    {
        if (should_fail(kvm.kernel, "kvm_dirty_bitmap"))
            return -ENOMEM;
        memslot.dirty_bitmap = new ulong[kvm_dirty_bitmap_bytes(memslot) / 8];
        return 0;
    }

    private static void kvm_destroy_dirty_bitmap(kvm_memory_slot memslot) => memslot.dirty_bitmap = null;

    internal static void mark_page_dirty_in_slot(kvm kvm, kvm_memory_slot? memslot, gfn_t gfn)
    {
        if (memslot is null || (memslot.flags & KVM_MEM_LOG_DIRTY_PAGES) == 0)
            return;
        ulong rel_gfn = gfn - memslot.base_gfn;
        if (kvm.dirty_ring_size != 0 && current.kvm_running_vcpu is { } vcpu)
        {
            DirtyRing.kvm_dirty_ring_push(vcpu, ((uint)memslot.as_id << 16) | (ushort)memslot.id, rel_gfn);
            return;
        }

        if (memslot.dirty_bitmap is not { } bitmap)
            return;
        Interlocked.Or(ref bitmap[rel_gfn / 64], 1UL << (int)(rel_gfn % 64));
    }

    internal static void mark_page_dirty(kvm kvm, gfn_t gfn) => mark_page_dirty_in_slot(kvm, gfn_to_memslot(kvm, gfn), gfn);

    internal static void kvm_vcpu_mark_page_dirty(kvm_vcpu vcpu, gfn_t gfn) => mark_page_dirty_in_slot(vcpu.kvm, kvm_vcpu_gfn_to_memslot(vcpu, gfn), gfn);

    [MightSleep]
    private static int kvm_vm_ioctl_get_dirty_log(kvm kvm, ref kvm_dirty_log log)
    {
        mutex_lock(kvm.slots_lock);
        int r = kvm_get_dirty_log_protect(kvm, ref log);
        mutex_unlock(kvm.slots_lock);
        return r;
    }

    /// <summary>
    /// Gives the bitmap to user space and, unless it clears by hand, starts a new round: clear, write-protect, flush, then copy the snapshot.
    /// </summary>
    /// <returns>0; -EINVAL for a bad id, -ENOENT for a slot that does not log, -EFAULT.</returns>
    [MightSleep]
    [MustHold("kvm.slots_lock")]
    private static int kvm_get_dirty_log_protect(kvm kvm, ref kvm_dirty_log log)
    {
        // Rings and bitmaps exclude one another.
        if (!kvm_use_dirty_bitmap(kvm))
            return -ENXIO;
        int as_id = (int)(log.slot >> 16);
        int id = (ushort)log.slot;
        if (as_id >= kvm.arch_ops.kvm_arch_nr_memslot_as_ids(kvm) || id >= kvm.arch_ops.KVM_USER_MEM_SLOTS)
            return -EINVAL;
        kvm_memory_slot? memslot = id_to_memslot(__kvm_memslots(kvm, as_id), id);
        if (memslot?.dirty_bitmap is not { } dirty_bitmap)
            return -ENOENT;

        kvm.arch_ops.kvm_arch_sync_dirty_log(kvm, memslot);
        bool flush = false;
        ulong[] snapshot = dirty_bitmap;
        if (kvm.manual_dirty_log_protect_flags == 0)
        {
            snapshot = new ulong[dirty_bitmap.Length];
            KVM_MMU_LOCK(kvm);
            for (int i = 0; i < dirty_bitmap.Length; i++)
            {
                if (dirty_bitmap[i] == 0)
                    continue;
                flush = true;
                ulong mask = Interlocked.Exchange(ref dirty_bitmap[i], 0);
                snapshot[i] = mask;
                kvm.arch_ops.kvm_arch_mmu_enable_log_dirty_pt_masked(kvm, memslot, (ulong)i * 64, mask);
            }

            KVM_MMU_UNLOCK(kvm);
        }

        if (flush)
            kvm_flush_remote_tlbs(kvm);
        fixed (ulong* from = snapshot)
            return copy_to_user(log.dirty_bitmap, from, kvm_dirty_bitmap_bytes(memslot)) != 0 ? -EFAULT : 0;
    }

    [MightSleep]
    private static int kvm_vm_ioctl_clear_dirty_log(kvm kvm, ref kvm_clear_dirty_log log)
    {
        mutex_lock(kvm.slots_lock);
        int r = kvm_clear_dirty_log_protect(kvm, ref log);
        mutex_unlock(kvm.slots_lock);
        return r;
    }

    [MightSleep]
    [MustHold("kvm.slots_lock")]
    private static int kvm_clear_dirty_log_protect(kvm kvm, ref kvm_clear_dirty_log log)
    {
        if (!kvm_use_dirty_bitmap(kvm))
            return -ENXIO;
        int as_id = (int)(log.slot >> 16);
        int id = (ushort)log.slot;
        if (as_id >= kvm.arch_ops.kvm_arch_nr_memslot_as_ids(kvm) || id >= kvm.arch_ops.KVM_USER_MEM_SLOTS)
            return -EINVAL;
        if ((log.first_page & 63) != 0)
            return -EINVAL;
        kvm_memory_slot? memslot = id_to_memslot(__kvm_memslots(kvm, as_id), id);
        if (memslot?.dirty_bitmap is not { } dirty_bitmap)
            return -ENOENT;
        if (log.first_page > memslot.npages || log.num_pages > memslot.npages - log.first_page ||
            (log.num_pages < memslot.npages - log.first_page && (log.num_pages & 63) != 0))
            return -EINVAL;

        kvm.arch_ops.kvm_arch_sync_dirty_log(kvm, memslot);
        ulong n = ((ulong)log.num_pages + 63) / 64;
        ulong[] wanted = new ulong[n];
        fixed (ulong* to = wanted)
        {
            if (copy_from_user(to, log.dirty_bitmap, n * 8) != 0)
                return -EFAULT;
        }

        bool flush = false;
        KVM_MMU_LOCK(kvm);
        for (ulong i = 0; i < n; i++)
        {
            if (wanted[i] == 0)
                continue;

            // Bits that user space names although they were not set need no protection: only what was set and is now clear does.
            ref ulong word = ref dirty_bitmap[(log.first_page / 64) + i];
            ulong mask = Interlocked.And(ref word, ~wanted[i]) & wanted[i];
            if (mask == 0)
                continue;
            flush = true;
            kvm.arch_ops.kvm_arch_mmu_enable_log_dirty_pt_masked(kvm, memslot, log.first_page + (i * 64), mask);
        }

        KVM_MMU_UNLOCK(kvm);
        if (flush)
            kvm_flush_remote_tlbs(kvm);
        return 0;
    }
}
