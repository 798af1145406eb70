// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/mmu/mmu.c, Linux 6.18.
namespace Linux;

// A fault, with SRCU held so that slots stay:
//
//   snapshot mmu_invalidate_seq    before anything is looked up
//   find the page frame            guest_memfd by (file, offset), all else by the user address; may sleep
//   mmu_lock for reading           is_page_fault_stale(): start over if the root or the frame may be old
//   install                        tdp_mmu.cs
internal static unsafe class X86Mmu
{
    /// <summary>Bit of a block's disallow count: its frames do not all have the same attributes.</summary>
    internal const uint KVM_LPAGE_MIXED_FLAG = 1U << 31;

    private const int PT64_ROOT_MAX_LEVEL = 5;

    // Caches of table pages.

    [MustCheck]
    [MightSleep]
    internal static int mmu_topup_memory_caches(kvm_vcpu vcpu)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        PhysicalMemory memory = arch_of(vcpu.kvm).module.host.memory;
        while (va.mmu_page_cache.nobjs < PT64_ROOT_MAX_LEVEL)
        {
            page page = alloc_page(GFP_KERNEL_ACCOUNT);
            if (page.IS_NULL)
                return -ENOMEM;
            new Span<ulong>(memory.Host(page_to_pfn(page) << PAGE_SHIFT), SPTE_ENT_PER_PAGE).Fill(SHADOW_NONPRESENT_VALUE);
            kvm_mmu_memory_cache_put(ref va.mmu_page_cache, page);
        }

        return 0;
    }

    internal static void mmu_free_memory_caches(kvm_vcpu vcpu)
    {
        ref kvm_mmu_memory_cache cache = ref arch_of(vcpu).mmu_page_cache;
        while (cache.nobjs != 0)
            __free_page(kvm_mmu_memory_cache_alloc(ref cache));
    }

    internal static page kvm_mmu_memory_cache_alloc(ref kvm_mmu_memory_cache mc)
    {
        BUG_ON(mc.nobjs == 0);
        return mc.objects[--mc.nobjs];
    }

    internal static void kvm_mmu_memory_cache_put(ref kvm_mmu_memory_cache mc, page page) => mc.objects[mc.nobjs++] = page;

    // Faults.

    /// <summary>
    /// A second-stage fault, or an entry for emulation was hit.
    /// </summary>
    /// <returns>A RET_PF value that lets the guest go on, RET_PF.EMULATE, or a negative errno that ends KVM_RUN.</returns>
    [MightSleep]
    internal static int kvm_mmu_page_fault(kvm_vcpu vcpu, ulong cr2_or_gpa, ulong error_code)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        if (va.root is null)
            return RET_PF.RETRY;
        current.kernel.Tracepoints.kvm_page_fault.Trace((ulong)vcpu.vcpu_id, cr2_or_gpa, error_code);

        // For such VMs the attribute is the only truth about what the guest accesses.
        if ((error_code & PFERR_RSVD_MASK) == 0 && arch_of(vcpu.kvm).vm_type == KVM_X86_SW_PROTECTED_VM &&
            KvmMain.kvm_mem_is_private(vcpu.kvm, new gfn_t(cr2_or_gpa >> PAGE_SHIFT)))
            error_code |= PFERR_PRIVATE_ACCESS;

        int r = RET_PF.INVALID;
        if ((error_code & PFERR_RSVD_MASK) != 0)
        {
            if (WARN_ON_ONCE((error_code & PFERR_PRIVATE_ACCESS) != 0))
                return -EFAULT;
            r = handle_mmio_page_fault(vcpu, cr2_or_gpa);
        }

        if (r == RET_PF.INVALID)
        {
            va.pf_taken++;
            r = kvm_mmu_do_page_fault(vcpu, cr2_or_gpa, error_code, false, out _);
            if (KvmMain.KVM_BUG_ON(r == RET_PF.INVALID, vcpu.kvm))
                return -EIO;
        }

        switch (r)
        {
            case RET_PF.FIXED:
                va.pf_fixed++;
                break;
            case RET_PF.EMULATE:
                va.pf_emulate++;
                break;
            case RET_PF.SPURIOUS:
                va.pf_spurious++;
                break;
            default:
                WARN_ON_ONCE(r == RET_PF.CONTINUE);
                break;
        }

        return r;
    }

    [MightSleep]
    internal static int kvm_tdp_page_fault(kvm_vcpu vcpu, ref kvm_page_fault fault) => kvm_tdp_mmu_page_fault(vcpu, ref fault);

    internal static bool is_access_allowed(in kvm_page_fault fault, ulong spte)
    {
        if (fault.exec)
            return (spte & SPTE_EXECUTABLE) != 0;
        if (fault.write)
            return is_writable_pte(spte);
        return is_shadow_present_pte(spte);
    }

    internal static void kvm_mmu_finish_page_fault(kvm_vcpu vcpu, in kvm_page_fault fault, int r) =>
        KvmMain.kvm_release_faultin_page(vcpu.kvm, fault.refcounted_page, r == RET_PF.RETRY, fault.map_writable);

    /// <summary>Lets a large mapping be 4K where a fetch would need it to be executable and a known erratum forbids that. Off here.</summary>
    internal static void disallowed_hugepage_adjust(ref kvm_page_fault fault, ulong spte, pg_level cur_level)
    {
        if (cur_level <= pg_level.PG_LEVEL_4K || cur_level != fault.goal_level || !is_shadow_present_pte(spte) || is_large_pte(spte))
            return;

        // A table is here already, made because the page was to be executed: go down in it.
        ulong page_mask = KVM_PAGES_PER_HPAGE(cur_level) - KVM_PAGES_PER_HPAGE(cur_level - 1);
        fault.pfn = new kvm_pfn_t(fault.pfn.Value | (fault.gfn.Value & page_mask));
        fault.goal_level--;
    }

    [MustHoldShared("vcpu.kvm.mmu_lock")]
    internal static void kvm_mmu_hugepage_adjust(kvm_vcpu vcpu, ref kvm_page_fault fault)
    {
        fault.huge_page_disallowed = fault.exec && fault.nx_huge_page_workaround_enabled;
        if (fault.max_level == pg_level.PG_LEVEL_4K)
            return;
        if (is_error_noslot_pfn(fault.pfn))
            return;
        if (fault.slot!.dirty_bitmap is not null)
            return;
        fault.req_level = kvm_mmu_max_mapping_level(vcpu.kvm, fault.slot, fault.gfn, fault.pfn, fault.max_level, fault.is_private);
        if (fault.req_level == pg_level.PG_LEVEL_4K || fault.huge_page_disallowed)
            return;

        // The retry check was passed and mmu_lock is held: the host cannot split its leaf before this is mapped and can be zapped.
        fault.goal_level = fault.req_level;
        ulong mask = KVM_PAGES_PER_HPAGE(fault.goal_level) - 1;
        BUG_ON((fault.gfn.Value & mask) != (fault.pfn.Value & mask));
        fault.pfn = new kvm_pfn_t(fault.pfn.Value & ~mask);
    }

    /// <summary>The largest level at which a frame can be mapped: what the slot allows, then what backs it.</summary>
    internal static pg_level kvm_mmu_max_mapping_level(kvm kvm, kvm_memory_slot slot, gfn_t gfn, kvm_pfn_t pfn, pg_level max_level, bool is_private)
    {
        if (max_level > KVM_MAX_HUGEPAGE_LEVEL)
            max_level = KVM_MAX_HUGEPAGE_LEVEL;
        for (; max_level > pg_level.PG_LEVEL_4K; max_level--)
        {
            if (lpage_info_slot(gfn, slot, max_level) == 0)
                break;
        }

        if (max_level == pg_level.PG_LEVEL_4K)
            return pg_level.PG_LEVEL_4K;
        pg_level host_level = is_private || kvm_memslot_is_gmem_only(slot)
            ? kvm_gmem_max_mapping_level(kvm, pfn, max_level, is_private)
            : host_pfn_mapping_level(kvm, gfn, slot);
        return host_level < max_level ? host_level : max_level;
    }

    internal static ref uint lpage_info_slot(gfn_t gfn, kvm_memory_slot slot, pg_level level) =>
        ref arch_of(slot).lpage_info[(int)level - 2][gfn_to_index(gfn, slot.base_gfn, level)];

    internal static ulong gfn_to_index(gfn_t gfn, gfn_t base_gfn, pg_level level)
    {
        int shift = ((int)level - 1) * 9;
        return (gfn.Value >> shift) - (base_gfn.Value >> shift);
    }

    // vCPU and roots.

    /// <summary>Makes sure that a root is loaded which is not obsolete.</summary>
    [MustCheck]
    [MightSleep]
    internal static int kvm_mmu_reload(kvm_vcpu vcpu)
    {
        if (KvmMain.kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu))
            kvm_mmu_free_obsolete_roots(vcpu);
        return arch_of(vcpu).root is not null ? 0 : kvm_mmu_load(vcpu);
    }

    [MustCheck]
    [MightSleep]
    internal static int kvm_mmu_load(kvm_vcpu vcpu)
    {
        int r = mmu_topup_memory_caches(vcpu);
        if (r != 0)
            return r;
        TdpMmu.kvm_tdp_mmu_alloc_root(vcpu);

        // What the CPU has cached of another root, or of this one before it was loaded here last, says nothing.
        KvmMain.kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);
        return 0;
    }

    internal static void kvm_mmu_free_roots(kvm_vcpu vcpu)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        if (va.root is not { } root)
            return;
        va.root = null;
        TdpMmu.kvm_tdp_mmu_put_root(vcpu.kvm, root);
    }

    internal static void kvm_mmu_free_obsolete_roots(kvm_vcpu vcpu)
    {
        if (arch_of(vcpu).root is { } root && is_obsolete_sp(root))
            kvm_mmu_free_roots(vcpu);
    }

    internal static bool is_obsolete_sp(kvm_mmu_page sp) => Volatile.Read(ref sp.invalid);

    // Zapping.

    /// <summary>Zaps leaves of [start, end) and flushes.</summary>
    [MightSleep]
    internal static void kvm_zap_gfn_range(kvm kvm, gfn_t gfn_start, gfn_t gfn_end)
    {
        if (WARN_ON_ONCE(gfn_end <= gfn_start))
            return;
        write_lock(kvm.mmu_lock);
        KvmMain.kvm_mmu_invalidate_begin(kvm);
        KvmMain.kvm_mmu_invalidate_range_add(kvm, gfn_start, gfn_end);
        if (TdpMmu.kvm_tdp_mmu_zap_leafs(kvm, gfn_start, gfn_end, false))
            KvmMain.kvm_flush_remote_tlbs(kvm);
        KvmMain.kvm_mmu_invalidate_end(kvm);
        write_unlock(kvm.mmu_lock);
    }

    internal static void kvm_mmu_zap_all(kvm kvm)
    {
        write_lock(kvm.mmu_lock);
        TdpMmu.kvm_tdp_mmu_zap_all(kvm);
        KvmMain.kvm_flush_remote_tlbs(kvm);
        write_unlock(kvm.mmu_lock);
    }

    /// <summary>Drops all second-stage tables at once: roots become invalid, vCPUs leave them, then they are taken apart at leisure.</summary>
    [MightSleep]
    [MustHold("kvm.slots_lock")]
    internal static void kvm_mmu_zap_all_fast(kvm kvm)
    {
        lockdep_assert_held(kvm.slots_lock);
        write_lock(kvm.mmu_lock);
        TdpMmu.kvm_tdp_mmu_invalidate_all_roots(kvm);

        // When this returns every vCPU is out of the guest or will reload before it enters. The lock keeps faults from reading the old root
        // in the meantime: whoever gets it next finds the root obsolete.
        X86.kvm_make_all_cpus_request(kvm, KVM_REQ_MMU_FREE_OBSOLETE_ROOTS);
        write_unlock(kvm.mmu_lock);
        read_lock(kvm.mmu_lock);
        TdpMmu.kvm_tdp_mmu_zap_invalidated_roots(kvm);
        read_unlock(kvm.mmu_lock);
    }

    /// <summary>Only what belongs to the slot. It is invalid already, so nothing new comes.</summary>
    internal static void kvm_mmu_zap_memslot(kvm kvm, kvm_memory_slot slot)
    {
        var range = new kvm_gfn_range
        {
            slot = slot,
            start = slot.base_gfn,
            end = slot.base_gfn + slot.npages,
            may_block = true,
            attr_filter = kvm_gfn_range_filter.KVM_FILTER_PRIVATE | kvm_gfn_range_filter.KVM_FILTER_SHARED,
        };
        write_lock(kvm.mmu_lock);
        if (kvm_unmap_gfn_range(kvm, in range))
            KvmMain.kvm_flush_remote_tlbs(kvm);
        write_unlock(kvm.mmu_lock);
    }

    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_unmap_gfn_range(kvm kvm, in kvm_gfn_range range) => TdpMmu.kvm_tdp_mmu_unmap_gfn_range(kvm, in range, false);

    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_age_gfn(kvm kvm, in kvm_gfn_range range) => TdpMmu.kvm_tdp_mmu_age_gfn_range(kvm, in range);

    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_test_age_gfn(kvm kvm, in kvm_gfn_range range) => TdpMmu.kvm_tdp_mmu_test_age_gfn(kvm, in range);

    // Dirty logging.

    internal static void kvm_mmu_slot_remove_write_access(kvm kvm, kvm_memory_slot memslot, pg_level start_level)
    {
        write_lock(kvm.mmu_lock);
        _ = TdpMmu.kvm_tdp_mmu_wrprot_slot(kvm, memslot.base_gfn, memslot.base_gfn + memslot.npages, start_level);
        write_unlock(kvm.mmu_lock);
    }

    [MustHold("kvm.mmu_lock")]
    internal static void kvm_arch_mmu_enable_log_dirty_pt_masked(kvm kvm, kvm_memory_slot slot, ulong gfn_offset, ulong mask)
    {
        // Logging that began with all pages dirty protected nothing then, and left large leaves: those go now.
        if ((kvm.manual_dirty_log_protect_flags & 2) != 0 && mask != 0)
        {
            gfn_t start = slot.base_gfn + gfn_offset;
            _ = TdpMmu.kvm_tdp_mmu_wrprot_slot(kvm, start, start + 64, pg_level.PG_LEVEL_2M);
        }

        TdpMmu.kvm_tdp_mmu_clear_dirty_pt_masked(kvm, slot.base_gfn + gfn_offset, mask);
    }

    internal static void kvm_mmu_recover_huge_pages(kvm kvm, kvm_memory_slot slot)
    {
        write_lock(kvm.mmu_lock);
        if (TdpMmu.kvm_tdp_mmu_recover_huge_pages(kvm, slot))
            KvmMain.kvm_flush_remote_tlbs(kvm);
        write_unlock(kvm.mmu_lock);
    }

    // Memory attributes.

    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_arch_pre_set_memory_attributes(kvm kvm, in kvm_gfn_range range)
    {
        kvm_memory_slot slot = range.slot;
        if (WARN_ON_ONCE(!kvm_arch_has_private_mem(kvm)))
            return false;
        if (WARN_ON_ONCE(range.end <= range.start))
            return false;

        // A fault next to the range must not make a large leaf that reaches into it: blocks that could be one wait as well.
        for (pg_level level = pg_level.PG_LEVEL_2M; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
        {
            gfn_t start = gfn_round_for_level(range.start, level);
            gfn_t end = gfn_round_for_level(range.end - 1, level);
            ulong nr_pages = KVM_PAGES_PER_HPAGE(level);
            gfn_t slot_end = slot.base_gfn + slot.npages;
            if ((start != range.start || start + nr_pages > range.end) && start >= slot.base_gfn && start + nr_pages <= slot_end &&
                !hugepage_test_mixed(slot, start, level))
                KvmMain.kvm_mmu_invalidate_range_add(kvm, start, start + nr_pages);
            if (end == start)
                continue;
            if (end + nr_pages > range.end && end + nr_pages <= slot_end && !hugepage_test_mixed(slot, end, level))
                KvmMain.kvm_mmu_invalidate_range_add(kvm, end, end + nr_pages);
        }

        // Also in slots that cannot have private memory: shared access must end, and large leaves may have to.
        kvm_gfn_range unmap = range;
        unmap.attr_filter = (range.attributes & KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0
            ? kvm_gfn_range_filter.KVM_FILTER_SHARED
            : kvm_gfn_range_filter.KVM_FILTER_PRIVATE;
        return kvm_unmap_gfn_range(kvm, in unmap);
    }

    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_arch_post_set_memory_attributes(kvm kvm, in kvm_gfn_range range)
    {
        ulong attrs = range.attributes;
        kvm_memory_slot slot = range.slot;
        if (WARN_ON_ONCE(!kvm_arch_has_private_mem(kvm)))
            return false;
        if (WARN_ON_ONCE(range.end <= range.start))
            return false;
        gfn_t slot_end = slot.base_gfn + slot.npages;
        for (pg_level level = pg_level.PG_LEVEL_2M; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
        {
            ulong nr_pages = KVM_PAGES_PER_HPAGE(level);
            gfn_t gfn = gfn_round_for_level(range.start, level);

            // The first block, if a part of it lies outside. Blocks that the slot does not contain can never be large.
            if (gfn != range.start || gfn + nr_pages > range.end)
            {
                if (gfn >= slot.base_gfn && gfn + nr_pages <= slot_end)
                    hugepage_examine(kvm, slot, gfn, level, attrs);
                gfn += nr_pages;
            }

            for (; gfn + nr_pages <= range.end; gfn += nr_pages)
                hugepage_clear_mixed(slot, gfn, level);
            if (gfn < range.end && gfn + nr_pages <= slot_end)
                hugepage_examine(kvm, slot, gfn, level, attrs);
        }

        return false;
    }

    internal static void kvm_mmu_init_memslot_memory_attributes(kvm kvm, kvm_memory_slot slot)
    {
        if (!kvm_arch_has_private_mem(kvm))
            return;
        for (pg_level level = pg_level.PG_LEVEL_2M; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
        {
            gfn_t end = gfn_round_for_level(slot.base_gfn + slot.npages, level);
            gfn_t start = gfn_round_for_level(slot.base_gfn, level);
            ulong nr_pages = KVM_PAGES_PER_HPAGE(level);
            if (start < slot.base_gfn)
                start += nr_pages;

            // Attributes outlive slots: they may be mixed from before.
            for (gfn_t gfn = start; gfn < end; gfn += nr_pages)
                hugepage_examine(kvm, slot, gfn, level, KvmMain.kvm_get_memory_attributes(kvm, gfn));
        }
    }

    internal static bool hugepage_test_mixed(kvm_memory_slot slot, gfn_t gfn, pg_level level) =>
        (lpage_info_slot(gfn, slot, level) & KVM_LPAGE_MIXED_FLAG) != 0;

    // Pre-faulting.

    /// <returns>Bytes mapped from the start of the range, or a negative errno.</returns>
    [MightSleep]
    internal static long kvm_arch_vcpu_pre_fault_memory(kvm_vcpu vcpu, ref kvm_pre_fault_memory range)
    {
        if (!arch_of(vcpu.kvm).pre_fault_allowed)
            return -EOPNOTSUPP;

        // Shadow paging wants a root before it finds that it cannot; without a memslot there is no page for one.
        if (!arch_of(vcpu.kvm).module.options.Tdp)
            return arch_of(vcpu.kvm).n_max_mmu_pages == 0 ? -ENOSPC : -EOPNOTSUPP;
        if (range.gpa >> PAGE_SHIFT > kvm_mmu_max_gfn(vcpu.kvm))
            return -EINVAL;
        int r = kvm_mmu_reload(vcpu);
        if (r != 0)
            return r;
        ulong error_code = PFERR_GUEST_FINAL_MASK;
        if (kvm_arch_has_private_mem(vcpu.kvm) && KvmMain.kvm_mem_is_private(vcpu.kvm, new gfn_t(range.gpa >> PAGE_SHIFT)))
            error_code |= PFERR_PRIVATE_ACCESS;

        // Shadow paging would not know for which guest tables to do it; here only the level can be missing.
        r = kvm_tdp_page_prefault(vcpu, range.gpa, error_code, out pg_level level);
        if (r < 0)
            return r;

        // Less than a page of the level is left when the range begins or ends inside it.
        ulong end = (range.gpa & page_level_mask(level)) + page_level_size(level);
        return (long)Math.Min(range.size, end - range.gpa);
    }

    /// <summary>For population of initial images: the frame must be mapped, and stays so while the caller holds the lock.</summary>
    [MustCheck]
    [MightSleep]
    internal static int kvm_tdp_mmu_map_private_pfn(kvm_vcpu vcpu, gfn_t gfn, kvm_pfn_t pfn)
    {
        kvm kvm = vcpu.kvm;
        int r = kvm_mmu_reload(vcpu);
        if (r != 0)
            return r;
        r = mmu_topup_memory_caches(vcpu);
        if (r != 0)
            return r;
        kvm_page_fault fault = new()
        {
            addr = gfn.Value << PAGE_SHIFT,
            error_code = PFERR_GUEST_FINAL_MASK | PFERR_PRIVATE_ACCESS,
            prefetch = true,
            is_private = true,
            max_level = pg_level.PG_LEVEL_4K,
            req_level = pg_level.PG_LEVEL_4K,
            goal_level = pg_level.PG_LEVEL_4K,
            gfn = gfn,
            pfn = pfn,
            map_writable = true,
            slot = KvmMain.kvm_vcpu_gfn_to_memslot(vcpu, gfn),
        };
        if (fault.slot is not { gmem_file: not null })
            return -EINVAL;
        kvm_assert_gmem_invalidate_lock_held(fault.slot);
        do
        {
            if (signal_pending(current))
                return -EINTR;
            if (kvm.vm_dead)
                return -EIO;
            cond_resched();
            read_lock(kvm.mmu_lock);
            r = TdpMmu.kvm_tdp_mmu_map(vcpu, ref fault);
            read_unlock(kvm.mmu_lock);
        }
        while (r == RET_PF.RETRY);
        if (r != RET_PF.FIXED)
            return -EIO;
        return 0;
    }

    internal static void kvm_assert_gmem_invalidate_lock_held(kvm_memory_slot slot) =>
        lockdep_assert_held(slot.gmem_file!.f_inode.i_mapping.invalidate_lock);

    internal static ulong kvm_mmu_max_gfn(kvm kvm) => (1UL << (arch_of(kvm).module.options.MaxPhysicalAddress - PAGE_SHIFT)) - 1;

    // Private helpers.

    [MightSleep]
    private static int kvm_tdp_mmu_page_fault(kvm_vcpu vcpu, ref kvm_page_fault fault)
    {
        kvm kvm = vcpu.kvm;
        int r = fast_page_fault(vcpu, in fault);
        if (r != RET_PF.INVALID)
            return r;
        r = mmu_topup_memory_caches(vcpu);
        if (r != 0)
            return r;
        r = kvm_mmu_faultin_pfn(vcpu, ref fault);
        if (r != RET_PF.CONTINUE)
            return r;

        r = RET_PF.RETRY;
        read_lock(kvm.mmu_lock);
        if (!is_page_fault_stale(vcpu, in fault))
            r = TdpMmu.kvm_tdp_mmu_map(vcpu, ref fault);
        kvm_mmu_finish_page_fault(vcpu, in fault, r);
        read_unlock(kvm.mmu_lock);
        return r;
    }

    private static bool page_fault_can_be_fast(kvm kvm, in kvm_page_fault fault)
    {
        if (fault.rsvd)
            return false;

        // The exit to user space comes before anything else for an access of the other kind.
        if (kvm_arch_has_private_mem(kvm) && fault.is_private != KvmMain.kvm_mem_is_private(kvm, fault.gfn))
            return false;

        // Only rights that were taken from a present entry can be given back without knowing anything else.
        return fault.present && fault.write;
    }

    /// <summary>Makes a write-protected entry writable again without any lock: what dirty logging took away.</summary>
    private static int fast_page_fault(kvm_vcpu vcpu, in kvm_page_fault fault)
    {
        if (!page_fault_can_be_fast(vcpu.kvm, in fault))
            return RET_PF.INVALID;
        int ret = RET_PF.INVALID;
        rcu_read_lock();
        for (int retry_count = 0; retry_count <= 4; retry_count++)
        {
            pg_level level = TdpMmu.kvm_tdp_mmu_get_walk(vcpu, fault.addr, out ulong spte, out ulong* sptep);
            if (sptep == null || !is_shadow_present_pte(spte) || !is_last_spte(spte, level))
                break;
            if (is_access_allowed(in fault, spte))
            {
                ret = RET_PF.SPURIOUS;
                break;
            }

            if (!is_mmu_writable_spte(spte))
                break;

            // A large leaf of a slot that logs must be split, which takes the lock.
            kvm_memory_slot? slot = fault.slot;
            if (level > pg_level.PG_LEVEL_4K && slot?.dirty_bitmap is not null)
                break;
            ulong new_spte = spte | PT_WRITABLE_MASK | shadow_dirty_mask | shadow_accessed_mask;
            if (Interlocked.CompareExchange(ref *sptep, new_spte, spte) == spte)
            {
                arch_of(vcpu.kvm).module.host.this_cpu().Count(HwEvent.TdpPteWrite);
                KvmMain.mark_page_dirty_in_slot(vcpu.kvm, slot, fault.gfn);
                ret = RET_PF.FIXED;
                break;
            }
        }

        rcu_read_unlock();
        return ret;
    }

    /// <summary>An access hit an entry for emulation. INVALID when the entry is from before a change of memslots.</summary>
    private static int handle_mmio_page_fault(kvm_vcpu vcpu, ulong addr)
    {
        rcu_read_lock();
        _ = TdpMmu.kvm_tdp_mmu_get_walk(vcpu, addr, out ulong spte, out _);
        rcu_read_unlock();
        if (!is_mmio_spte(spte))
            return RET_PF.RETRY;
        if (get_mmio_spte_generation(spte) != (KvmMain.kvm_vcpu_memslots(vcpu).generation & MMIO_SPTE_GEN_MASK))
            return RET_PF.INVALID;
        vcpu_cache_mmio_info(vcpu, get_mmio_spte_gfn(spte));
        return RET_PF.EMULATE;
    }

    private static void vcpu_cache_mmio_info(kvm_vcpu vcpu, gfn_t gfn)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        va.mmio_gen = KvmMain.kvm_vcpu_memslots(vcpu).generation;
        va.mmio_gfn = gfn;
    }

    [MightSleep]
    private static int kvm_mmu_faultin_pfn(kvm_vcpu vcpu, ref kvm_page_fault fault)
    {
        kvm kvm = vcpu.kvm;

        // Acquire: nothing below is looked up before. A change of attributes bumps it too.
        fault.mmu_seq = Volatile.Read(ref kvm.mmu_invalidate_seq);
        if (fault.is_private != KvmMain.kvm_mem_is_private(kvm, fault.gfn))
        {
            kvm_mmu_prepare_memory_fault_exit(vcpu, in fault);
            return -EFAULT;
        }

        if (fault.slot is not { } slot)
            return kvm_handle_noslot_fault(vcpu, ref fault);

        // Until its entries are gone nothing may be installed for the frame, an entry for emulation least of all. A caller of pre-fault
        // hears of it: nobody promises that it gets on.
        if ((slot.flags & KVM_MEMSLOT_INVALID) != 0)
            return fault.prefetch ? -EAGAIN : RET_PF.RETRY;

        // Spares the work, and the wait for mmu_lock, if an invalidation is on its way; the check under the lock decides.
        if (KvmMain.mmu_invalidate_retry_gfn_unsafe(kvm, fault.mmu_seq, fault.gfn))
            return RET_PF.RETRY;

        int ret = __kvm_mmu_faultin_pfn(vcpu, ref fault);
        if (ret != RET_PF.CONTINUE)
            return ret;
        if (is_error_pfn(fault.pfn))
            return kvm_handle_error_pfn(vcpu, in fault);
        if (WARN_ON_ONCE(is_noslot_pfn(fault.pfn)))
            return kvm_handle_noslot_fault(vcpu, ref fault);
        if (KvmMain.mmu_invalidate_retry_gfn_unsafe(kvm, fault.mmu_seq, fault.gfn))
        {
            kvm_mmu_finish_page_fault(vcpu, in fault, RET_PF.RETRY);
            return RET_PF.RETRY;
        }

        return RET_PF.CONTINUE;
    }

    [MightSleep]
    private static int __kvm_mmu_faultin_pfn(kvm_vcpu vcpu, ref kvm_page_fault fault)
    {
        if (fault.is_private || kvm_memslot_is_gmem_only(fault.slot!))
            return kvm_mmu_faultin_pfn_gmem(vcpu, ref fault);
        fault.pfn = KvmMain.__kvm_faultin_pfn(fault.slot, fault.gfn, fault.write, true, out fault.map_writable, out fault.refcounted_page);
        return RET_PF.CONTINUE;
    }

    [MightSleep]
    private static int kvm_mmu_faultin_pfn_gmem(kvm_vcpu vcpu, ref kvm_page_fault fault)
    {
        kvm_memory_slot slot = fault.slot!;
        if (!kvm_slot_has_gmem(slot))
        {
            kvm_mmu_prepare_memory_fault_exit(vcpu, in fault);
            return -EFAULT;
        }

        int r = GuestMemfd.kvm_gmem_get_pfn(vcpu.kvm, slot, fault.gfn, out fault.pfn, out fault.refcounted_page, out int max_order);
        if (r != 0)
        {
            kvm_mmu_prepare_memory_fault_exit(vcpu, in fault);
            return r;
        }

        fault.map_writable = (slot.flags & KVM_MEM_READONLY) == 0;
        fault.max_level = kvm_max_level_for_order(max_order);
        return RET_PF.CONTINUE;
    }

    private static int kvm_handle_error_pfn(kvm_vcpu vcpu, in kvm_page_fault fault)
    {
        if (is_sigpending_pfn(fault.pfn))
        {
            vcpu.run->exit_reason = KVM_EXIT_INTR;
            return -EINTR;
        }

        // Not remembered as a frame without memory: reads of it are fine.
        if (fault.pfn == KVM_PFN_ERR_RO_FAULT)
            return RET_PF.EMULATE;
        if (fault.pfn == KVM_PFN_ERR_HWPOISON)
        {
            X86.kvm_send_hwpoison_signal(fault.slot!, fault.gfn);
            return RET_PF.RETRY;
        }

        return -EFAULT;
    }

    private static int kvm_handle_noslot_fault(kvm_vcpu vcpu, ref kvm_page_fault fault)
    {
        if (fault.is_private)
        {
            kvm_mmu_prepare_memory_fault_exit(vcpu, in fault);
            return -EFAULT;
        }

        vcpu_cache_mmio_info(vcpu, fault.gfn);
        fault.slot = null;
        fault.pfn = KVM_PFN_NOSLOT;
        fault.map_writable = false;

        // No entry can be made for a frame that the tables do not reach.
        return fault.gfn.Value >= 1UL << 36 ? RET_PF.EMULATE : RET_PF.CONTINUE;
    }

    [MustHoldShared("vcpu.kvm.mmu_lock")]
    private static bool is_page_fault_stale(kvm_vcpu vcpu, in kvm_page_fault fault)
    {
        if (arch_of(vcpu).root is not { } root || is_obsolete_sp(root))
            return true;
        return fault.slot is not null && KvmMain.mmu_invalidate_retry_gfn(vcpu.kvm, fault.mmu_seq, fault.gfn);
    }

    private static pg_level kvm_max_level_for_order(int order) => order switch
    {
        >= 18 => pg_level.PG_LEVEL_1G,
        >= 9 => pg_level.PG_LEVEL_2M,
        _ => pg_level.PG_LEVEL_4K,
    };

    private static pg_level kvm_gmem_max_mapping_level(kvm kvm, kvm_pfn_t pfn, pg_level max_level, bool is_private)
    {
        if (max_level == pg_level.PG_LEVEL_4K)
            return max_level;
        int coco_level = arch_of(kvm).module.ops.gmem_max_mapping_level?.Invoke(kvm, pfn, is_private) ?? 0;
        return coco_level != 0 && (pg_level)coco_level < max_level ? (pg_level)coco_level : max_level;
    }

    /// <summary>The level of the leaf that maps a frame's user address. Without locks: valid only under mmu_lock after the retry check.</summary>
    private static pg_level host_pfn_mapping_level(kvm kvm, gfn_t gfn, kvm_memory_slot slot)
    {
        X86Arch host = arch_of(kvm).module.host;
        ulong hva = slot.userspace_addr + ((gfn - slot.base_gfn) << PAGE_SHIFT);
        ulong table = kvm.mm.pgd;
        int shift = PGDIR_SHIFT;
        for (pg_level level = pg_level.PG_LEVEL_512G; ; level--, shift -= 9)
        {
            pte_t entry = ptep_get((pte_t*)host.memory.Host(table) + ((hva >> shift) & 511));
            if ((entry.val & _PAGE_PRESENT) == 0 || level == pg_level.PG_LEVEL_2M && !pmd_leaf(entry))
                return pg_level.PG_LEVEL_4K;
            if (level <= pg_level.PG_LEVEL_1G && pmd_leaf(entry))
                return level;
            table = entry.val & PTE_PFN_MASK;
        }
    }

    private static void hugepage_clear_mixed(kvm_memory_slot slot, gfn_t gfn, pg_level level) =>
        lpage_info_slot(gfn, slot, level) &= ~KVM_LPAGE_MIXED_FLAG;

    private static void hugepage_set_mixed(kvm_memory_slot slot, gfn_t gfn, pg_level level) =>
        lpage_info_slot(gfn, slot, level) |= KVM_LPAGE_MIXED_FLAG;

    private static void hugepage_examine(kvm kvm, kvm_memory_slot slot, gfn_t gfn, pg_level level, ulong attrs)
    {
        if (hugepage_has_attrs(kvm, slot, gfn, level, attrs))
            hugepage_clear_mixed(slot, gfn, level);
        else
            hugepage_set_mixed(slot, gfn, level);
    }

    private static bool hugepage_has_attrs(kvm kvm, kvm_memory_slot slot, gfn_t gfn, pg_level level, ulong attrs)
    {
        gfn_t end = gfn + KVM_PAGES_PER_HPAGE(level);
        if (level == pg_level.PG_LEVEL_2M)
            return KvmMain.kvm_range_has_memory_attributes(kvm, gfn, end, ulong.MaxValue, attrs);
        for (; gfn < end; gfn += KVM_PAGES_PER_HPAGE(level - 1))
        {
            if (hugepage_test_mixed(slot, gfn, level - 1) || attrs != KvmMain.kvm_get_memory_attributes(kvm, gfn))
                return false;
        }

        return true;
    }

    /// <returns>0 with the level mapped, or a negative errno.</returns>
    [MightSleep]
    private static int kvm_tdp_page_prefault(kvm_vcpu vcpu, ulong gpa, ulong error_code, out pg_level level)
    {
        level = pg_level.PG_LEVEL_4K;
        int r;
        do
        {
            if (signal_pending(current))
                return -EINTR;
            if (vcpu.kvm.vm_dead)
                return -EIO;
            cond_resched();
            if (KvmMain.kvm_check_request(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS, vcpu))
                kvm_mmu_free_obsolete_roots(vcpu);
            r = kvm_mmu_reload(vcpu);
            if (r != 0)
                return r;
            r = kvm_mmu_do_page_fault(vcpu, gpa, error_code, true, out level);
        }
        while (r == RET_PF.RETRY);
        return r switch
        {
            < 0 => r,
            RET_PF.FIXED or RET_PF.SPURIOUS => 0,
            RET_PF.EMULATE => -ENOENT,
            _ => -EIO,
        };
    }
}
