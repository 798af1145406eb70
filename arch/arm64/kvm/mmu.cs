// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/kvm/mmu.c, Linux 6.18.
namespace Linux;

// A fault of the second stage, without lock but under SRCU: find the slot, snapshot mmu_invalidate_seq, get the page (sleeps). Then under
// mmu_lock for reading: if any invalidation is in progress or has been since the snapshot, the guest faults again; else map.
//
//   kvm->srcu
//     mmap_lock of the owner      ordinary slots, for the area behind the address
//     folio lock                  guest_memfd
//   kvm->mmu_lock                 reading: faults; writing: unmap, age, write-protect
internal static unsafe class Arm64KvmMmu
{
    // Memory for tables.

    /// <returns>0 or -ENOMEM.</returns>
    [MustCheck]
    [MightSleep]
    internal static int prepare_mmu_memcache(kvm_vcpu vcpu)
    {
        arm64_mmu_memory_cache mc = arch_of(vcpu).mmu_page_cache;
        while (mc.nobjs < Arm64KvmPgtable.Levels - 1)
        {
            page page = alloc_page(GFP_KERNEL_ACCOUNT | gfp_t.__GFP_ZERO);
            if (page.IS_NULL)
                return -ENOMEM;
            mc.objects[mc.nobjs++] = page;
        }

        return 0;
    }

    internal static page kvm_mmu_memory_cache_alloc(arm64_mmu_memory_cache mc) => mc.nobjs == 0 ? default : mc.objects[--mc.nobjs];

    internal static void kvm_mmu_memory_cache_free(arm64_mmu_memory_cache mc, page page) => mc.objects[mc.nobjs++] = page;

    internal static void kvm_mmu_free_memory_cache(arm64_mmu_memory_cache mc)
    {
        while (mc.nobjs != 0)
            put_page(kvm_mmu_memory_cache_alloc(mc));
    }

    // Faults.

    /// <summary>Handles a fault of the second stage.</summary>
    /// <returns>1: back to the guest; 0: exit to user space; negative: error.</returns>
    [MightSleep]
    internal static int kvm_handle_guest_abort(kvm_vcpu vcpu)
    {
        ref kvm_vcpu_fault_info fault = ref arch_of(vcpu).fault;
        kvm kvm = vcpu.kvm;
        bool is_iabt = fault.is_iabt;
        ulong fault_ipa = fault.fault_ipa;
        current.kernel.Tracepoints.kvm_page_fault.Trace((ulong)vcpu.vcpu_id, fault_ipa, (ulong)fault.cause);

        // Beyond what the guest was told its addresses have.
        if (fault.cause is FaultCause.NotPresent or FaultCause.NonCanonical && fault_ipa >= kvm_phys_size(arch_of(kvm).mmu))
            return Arm.kvm_inject_sea(vcpu, fault.far);

        int idx = srcu_read_lock(kvm.srcu);
        int ret;
        gfn_t gfn = new(fault_ipa >> PAGE_SHIFT);
        kvm_memory_slot? memslot = KvmMain.gfn_to_memslot(kvm, gfn);
        hva_t hva = KvmMain.gfn_to_hva_memslot_prot(memslot, gfn, out bool writable);
        bool write_fault = kvm_is_write_fault(vcpu);
        if (KvmMain.kvm_is_error_hva(hva) || (write_fault && !writable))
        {
            // Nobody can answer a fetch in user space.
            ret = is_iabt ? -ENOEXEC : Mmio.io_mem_abort(vcpu, fault.far);
            goto @out;
        }

        if (fault.cause == FaultCause.AccessFlag)
        {
            handle_access_fault(vcpu, fault_ipa);
            ret = 1;
            goto @out;
        }

        bool is_perm = fault.cause == FaultCause.Permission;
        WARN_ON_ONCE(is_perm && !write_fault && !is_iabt, "a load has no right that could be missing");
        ret = kvm_slot_has_gmem(memslot)
            ? gmem_abort(vcpu, fault_ipa, memslot!, is_perm)
            : user_mem_abort(vcpu, fault_ipa, memslot!, hva, is_perm);
        if (ret == 0)
            ret = 1;
    @out:
        if (ret == -ENOEXEC)
            ret = Arm.kvm_inject_sea(vcpu, fault.far);
        srcu_read_unlock(kvm.srcu, idx);
        return ret;
    }

    // Notifications. Under mmu_lock held for writing.

    /// <returns>Always false: translations are gone when it returns.</returns>
    internal static bool kvm_unmap_gfn_range(kvm kvm, in kvm_gfn_range range)
    {
        __unmap_stage2_range(arch_of(kvm).mmu, range.start.Value << PAGE_SHIFT, (range.end - range.start) << PAGE_SHIFT);
        return false;
    }

    internal static bool kvm_age_gfn(kvm kvm, in kvm_gfn_range range) => TestAge(kvm, in range, true);

    internal static bool kvm_test_age_gfn(kvm kvm, in kvm_gfn_range range) => TestAge(kvm, in range, false);

    /// <summary>Unmaps a range of guest addresses, in pieces that let others have the lock.</summary>
    [MustHold("mmu.kvm.mmu_lock")]
    internal static void kvm_stage2_unmap_range(kvm_s2_mmu mmu, ulong start, ulong size) => __unmap_stage2_range(mmu, start, size);

    // Memslots.

    [MustCheck]
    [MightSleep]
    internal static int kvm_arch_prepare_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        if (change == kvm_mr_change.KVM_MR_DELETE)
            return 0;

        // The guest has no such addresses.
        if (@new!.base_gfn.Value + @new.npages > kvm_phys_size(arch_of(kvm).mmu) >> PAGE_SHIFT)
            return -EFAULT;

        // No VM here has memory that its owner must not map.
        if (kvm_slot_has_gmem(@new) && !kvm_memslot_is_gmem_only(@new))
            return -EINVAL;

        // Tags live in memory that is not part of the file.
        if (kvm_slot_has_gmem(@new) && kvm_has_mte(kvm))
            return -EINVAL;
        return 0;
    }

    [MightSleep]
    internal static void kvm_arch_commit_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        if (change == kvm_mr_change.KVM_MR_DELETE || @new is null || (@new.flags & KVM_MEM_LOG_DIRTY_PAGES) == 0)
            return;
        if (KvmMain.kvm_dirty_log_manual_protect_and_init_set(kvm))
            return;
        kvm_mmu_wp_memory_region(kvm, @new);
    }

    [MightSleep]
    internal static void kvm_arch_flush_shadow_all(kvm kvm)
    {
        kvm_s2_mmu mmu = arch_of(kvm).mmu;
        write_lock(kvm.mmu_lock);
        kvm_pgtable? pgt = mmu.pgt;
        mmu.pgt = null;
        write_unlock(kvm.mmu_lock);

        // Faults that come now find no tables.
        if (pgt is not null)
            Arm64KvmPgtable.kvm_pgtable_stage2_destroy(pgt);
    }

    [MightSleep]
    internal static void kvm_arch_flush_shadow_memslot(kvm kvm, kvm_memory_slot slot)
    {
        write_lock(kvm.mmu_lock);
        kvm_s2_mmu mmu = arch_of(kvm).mmu;
        lockdep_assert_held_write(mmu.kvm.mmu_lock);
        kvm_stage2_unmap_range(mmu, slot.base_gfn.Value << PAGE_SHIFT, slot.npages << PAGE_SHIFT);
        write_unlock(kvm.mmu_lock);
    }

    internal static void kvm_arch_free_memslot(kvm kvm, kvm_memory_slot slot)
    {
        _ = kvm;
        _ = slot;
    }

    internal static void kvm_arch_memslots_updated(kvm kvm, ulong gen)
    {
        _ = kvm;
        _ = gen;
    }

    internal static void kvm_arch_flush_remote_tlbs(kvm kvm)
    {
        if (arch_of(kvm).mmu.pgt is { } pgt)
            Arm64KvmPgtable.kvm_tlb_flush_vmid(pgt);
    }

    /// <summary>By address, so that nothing but the range would have to go; the model's guest TLB drops the whole VM.</summary>
    internal static void kvm_arch_flush_remote_tlbs_range(kvm kvm, gfn_t gfn, ulong nr_pages)
    {
        _ = gfn;
        if (nr_pages != 0)
            kvm_arch_flush_remote_tlbs(kvm);
    }

    /// <summary>Write-protects pages whose log was read. Under mmu_lock held for writing; the caller flushes.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static void kvm_arch_mmu_enable_log_dirty_pt_masked(kvm kvm, kvm_memory_slot slot, ulong gfn_offset, ulong mask)
    {
        if (arch_of(kvm).mmu.pgt is not { } pgt)
            return;
        lockdep_assert_held_write(pgt.mmu.kvm.mmu_lock);
        for (ulong left = mask; left != 0; left &= left - 1)
        {
            ulong gfn = slot.base_gfn.Value + gfn_offset + (ulong)System.Numerics.BitOperations.TrailingZeroCount(left);
            Arm64KvmPgtable.kvm_pgtable_stage2_wrprotect(pgt, gfn << PAGE_SHIFT, PAGE_SIZE);
        }
    }

    internal static void kvm_send_hwpoison_signal(hva_t address) => Signal.force_sig_mceerr(Signal.BUS_MCEERR_AR, address.Value, PAGE_SHIFT);

    [MightSleep]
    private static int gmem_abort(kvm_vcpu vcpu, ulong fault_ipa, kvm_memory_slot memslot, bool is_perm)
    {
        kvm kvm = vcpu.kvm;
        bool write_fault = kvm_is_write_fault(vcpu);
        bool exec_fault = arch_of(vcpu).fault.is_iabt;
        if (!is_perm)
        {
            int err = prepare_mmu_memcache(vcpu);
            if (err != 0)
                return err;
        }

        gfn_t gfn = new(fault_ipa >> PAGE_SHIFT);

        // Acquire: what is looked up below is not older than the snapshot.
        ulong mmu_seq = Volatile.Read(ref kvm.mmu_invalidate_seq);
        Interlocked.MemoryBarrier();
        int ret = GuestMemfd.kvm_gmem_get_pfn(kvm, memslot, gfn, out kvm_pfn_t pfn, out page page, out _);
        if (ret != 0)
        {
            KvmMain.kvm_prepare_memory_fault_exit(vcpu, new gpa_t(fault_ipa), PAGE_SIZE, write_fault, exec_fault, false);
            return ret;
        }

        bool writable = !KvmMain.memslot_is_readonly(memslot);
        ret = kvm_s2_fault_map(vcpu, fault_ipa, pfn, page, mmu_seq, is_perm, writable, exec_fault);
        if (writable && ret == 0)
            KvmMain.mark_page_dirty_in_slot(kvm, memslot, gfn);
        return ret != -EAGAIN ? ret : 0;
    }

    [MightSleep]
    private static int user_mem_abort(kvm_vcpu vcpu, ulong fault_ipa, kvm_memory_slot memslot, hva_t hva, bool is_perm)
    {
        kvm kvm = vcpu.kvm;
        bool write_fault = kvm_is_write_fault(vcpu);
        bool exec_fault = arch_of(vcpu).fault.is_iabt;
        bool logging_active = memslot.dirty_bitmap is not null && !KvmMain.memslot_is_readonly(memslot);
        if (!is_perm || (logging_active && write_fault))
        {
            int err = prepare_mmu_memcache(vcpu);
            if (err != 0)
                return err;
        }

        if (!kvm_s2_fault_get_vma_info(kvm, hva, out ulong mmu_seq))
            return -EFAULT;
        gfn_t gfn = new(fault_ipa >> PAGE_SHIFT);
        int ret = kvm_s2_fault_pin_pfn(memslot, gfn, hva, write_fault, out kvm_pfn_t pfn, out bool writable, out page page);
        if (ret <= 0)
            return ret;

        // The first store to a page of a logged slot must be seen.
        if (logging_active && !write_fault)
            writable = false;
        ret = kvm_s2_fault_map(vcpu, fault_ipa, pfn, page, mmu_seq, is_perm, writable, exec_fault);
        if (writable && ret == 0)
            KvmMain.mark_page_dirty_in_slot(kvm, memslot, gfn);
        return ret != -EAGAIN ? ret : 0;
    }

    // The area is looked at under mmap_lock, and the snapshot taken there: a change of it after that bumps the sequence.
    [MightSleep]
    private static bool kvm_s2_fault_get_vma_info(kvm kvm, hva_t hva, out ulong mmu_seq)
    {
        mm_struct mm = current.mm!;
        down_read(mm.mmap_lock);
        bool found = vma_lookup(mm, hva.Value) is not null;
        mmu_seq = Volatile.Read(ref kvm.mmu_invalidate_seq);
        up_read(mm.mmap_lock);
        return found;
    }

    /// <returns>1 with a frame; 0 after a signal was sent for a poisoned one; -EFAULT.</returns>
    [MightSleep]
    private static int kvm_s2_fault_pin_pfn(kvm_memory_slot memslot, gfn_t gfn, hva_t hva, bool write_fault, out kvm_pfn_t pfn, out bool writable, out page page)
    {
        pfn = KvmMain.__kvm_faultin_pfn(memslot, gfn, write_fault, false, out writable, out page);
        if (pfn == KVM_PFN_ERR_HWPOISON)
        {
            kvm_send_hwpoison_signal(hva);
            return 0;
        }

        return is_error_noslot_pfn(pfn) ? -EFAULT : 1;
    }

    private static int kvm_s2_fault_map(
        kvm_vcpu vcpu, ulong fault_ipa, kvm_pfn_t pfn, page page, ulong mmu_seq, bool is_perm, bool writable, bool exec_fault)
    {
        kvm kvm = vcpu.kvm;
        var prot = kvm_pgtable_prot.KVM_PGTABLE_PROT_R;
        if (writable)
            prot |= kvm_pgtable_prot.KVM_PGTABLE_PROT_W;
        if (exec_fault)
            prot |= kvm_pgtable_prot.KVM_PGTABLE_PROT_X;
        read_lock(kvm.mmu_lock);
        int ret = -EAGAIN;
        if (arch_of(kvm).mmu.pgt is { } pgt && !KvmMain.mmu_invalidate_retry(kvm, mmu_seq))
        {
            lockdep_assert_held_read(pgt.mmu.kvm.mmu_lock);
            ret = is_perm
                ? Arm64KvmPgtable.kvm_pgtable_stage2_relax_perms(pgt, fault_ipa, prot)
                : Arm64KvmPgtable.kvm_pgtable_stage2_map(pgt, fault_ipa, pfn.Value << PAGE_SHIFT, prot, arch_of(vcpu).mmu_page_cache);
        }

        KvmMain.kvm_release_faultin_page(kvm, page, ret != 0, writable);
        read_unlock(kvm.mmu_lock);
        return ret;
    }

    private static void handle_access_fault(kvm_vcpu vcpu, ulong fault_ipa)
    {
        read_lock(vcpu.kvm.mmu_lock);
        if (arch_of(vcpu.kvm).mmu.pgt is { } pgt)
        {
            lockdep_assert_held_read(pgt.mmu.kvm.mmu_lock);
            Arm64KvmPgtable.kvm_pgtable_stage2_mkyoung(pgt, fault_ipa);
        }

        read_unlock(vcpu.kvm.mmu_lock);
    }

    private static bool kvm_is_write_fault(kvm_vcpu vcpu) => !arch_of(vcpu).fault.is_iabt && arch_of(vcpu).fault.is_write;

    private static void __unmap_stage2_range(kvm_s2_mmu mmu, ulong start, ulong size)
    {
        if (mmu.pgt is { } pgt && size != 0)
            Arm64KvmPgtable.kvm_pgtable_stage2_unmap(pgt, start, size);
    }

    private static bool TestAge(kvm kvm, in kvm_gfn_range range, bool mkold) => arch_of(kvm).mmu.pgt is { } pgt
        && Arm64KvmPgtable.kvm_pgtable_stage2_test_clear_young(pgt, range.start.Value << PAGE_SHIFT, (range.end - range.start) << PAGE_SHIFT, mkold);

    [MightSleep]
    private static void kvm_mmu_wp_memory_region(kvm kvm, kvm_memory_slot memslot)
    {
        write_lock(kvm.mmu_lock);
        if (arch_of(kvm).mmu.pgt is { } pgt)
        {
            lockdep_assert_held_write(pgt.mmu.kvm.mmu_lock);
            Arm64KvmPgtable.kvm_pgtable_stage2_wrprotect(pgt, memslot.base_gfn.Value << PAGE_SHIFT, memslot.npages << PAGE_SHIFT);
        }

        write_unlock(kvm.mmu_lock);
        kvm_arch_flush_remote_tlbs_range(kvm, memslot.base_gfn, memslot.npages);
    }
}
