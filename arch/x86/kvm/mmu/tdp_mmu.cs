// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/mmu/tdp_mmu.c, Linux 6.18.
using System.Runtime.CompilerServices;

namespace Linux;

// Faults change entries under mmu_lock held for reading, by compare-and-exchange; ranges are zapped under mmu_lock held for writing, but roots that
// are invalid under mmu_lock held for reading. Tables are freed a grace period after they were unlinked, as walkers without the lock may still be
// in them. A CPU in guest mode is no RCU reader: before a table or page is freed, the VM's translations are flushed, which such a CPU acknowledges.
internal static unsafe class TdpMmu
{
    /// <summary>Takes the VM's root for a vCPU, or makes one out of the vCPU's cache of tables.</summary>
    internal static void kvm_tdp_mmu_alloc_root(kvm_vcpu vcpu)
    {
        kvm kvm = vcpu.kvm;
        kvm_arch arch = arch_of(kvm);
        kvm_vcpu_arch va = arch_of(vcpu);
        read_lock(kvm.mmu_lock);
        spin_lock(arch.tdp_mmu_pages_lock);
        foreach (kvm_mmu_page root in arch.tdp_mmu_roots)
        {
            if (root.invalid || !kvm_tdp_mmu_get_root(root))
                continue;
            va.root = root;
            goto found;
        }

        // The VM's own reference, and the vCPU's.
        page page = X86Mmu.kvm_mmu_memory_cache_alloc(ref va.mmu_page_cache);
        va.root = new kvm_mmu_page { page = page, spt = page_to_pfn(page) << PAGE_SHIFT, tdp_mmu_root_count = 2 };
        Volatile.Write(ref arch.tdp_mmu_roots, [.. arch.tdp_mmu_roots, va.root]);
        Interlocked.Increment(ref arch.tdp_mmu_pages);
    found:
        spin_unlock(arch.tdp_mmu_pages_lock);
        read_unlock(kvm.mmu_lock);
    }

    internal static bool kvm_tdp_mmu_get_root(kvm_mmu_page root)
    {
        int count = Volatile.Read(ref root.tdp_mmu_root_count);
        while (count != 0)
        {
            int seen = Interlocked.CompareExchange(ref root.tdp_mmu_root_count, count + 1, count);
            if (seen == count)
                return true;
            count = seen;
        }

        return false;
    }

    internal static void kvm_tdp_mmu_put_root(kvm kvm, kvm_mmu_page root)
    {
        if (Interlocked.Decrement(ref root.tdp_mmu_root_count) != 0)
            return;

        // The VM's own reference goes with the invalidation only.
        KvmMain.KVM_BUG_ON(!root.invalid, kvm);
        kvm_arch arch = arch_of(kvm);
        spin_lock(arch.tdp_mmu_pages_lock);
        Volatile.Write(ref arch.tdp_mmu_roots, [.. arch.tdp_mmu_roots.Where(r => r != root)]);
        spin_unlock(arch.tdp_mmu_pages_lock);
        tdp_mmu_free_sp_rcu(arch, root.page);
    }

    /// <summary>No vCPU loads any of today's roots from now on. Their entries go in <see cref="kvm_tdp_mmu_zap_invalidated_roots"/>.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static void kvm_tdp_mmu_invalidate_all_roots(kvm kvm)
    {
        kvm_arch arch = arch_of(kvm);
        spin_lock(arch.tdp_mmu_pages_lock);
        foreach (kvm_mmu_page root in arch.tdp_mmu_roots)
        {
            if (root.invalid)
                continue;
            root.tdp_mmu_scheduled_root_to_zap = true;
            root.invalid = true;
        }

        spin_unlock(arch.tdp_mmu_pages_lock);
    }

    /// <summary>Zaps all of every invalidated root, and drops the VM's reference to it. Under mmu_lock held for reading.</summary>
    [MustHoldShared("kvm.mmu_lock")]
    internal static void kvm_tdp_mmu_zap_invalidated_roots(kvm kvm)
    {
        kvm_arch arch = arch_of(kvm);
        while (true)
        {
            kvm_mmu_page? root = null;
            spin_lock(arch.tdp_mmu_pages_lock);
            foreach (kvm_mmu_page candidate in arch.tdp_mmu_roots)
            {
                if (!candidate.tdp_mmu_scheduled_root_to_zap)
                    continue;
                candidate.tdp_mmu_scheduled_root_to_zap = false;
                root = candidate;
                break;
            }

            spin_unlock(arch.tdp_mmu_pages_lock);
            if (root is null)
                return;

            // Nobody flushes for these entries: vCPUs were made to leave the root, and flush when they load another one.
            tdp_mmu_zap_root(kvm, root, true);
            kvm_tdp_mmu_put_root(kvm, root);
        }
    }

    /// <summary>The VM or its address space dies: everything goes.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static void kvm_tdp_mmu_zap_all(kvm kvm)
    {
        foreach (kvm_mmu_page root in Roots(kvm))
            tdp_mmu_zap_root(kvm, root, false);
    }

    /// <summary>Zaps the leaves of a range in every root.</summary>
    /// <returns>Whether translations must be flushed.</returns>
    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_tdp_mmu_zap_leafs(kvm kvm, gfn_t start, gfn_t end, bool flush)
    {
        foreach (kvm_mmu_page root in Roots(kvm))
            flush = tdp_mmu_zap_leafs(kvm, root, start, end, false, flush);
        return flush;
    }

    /// <summary>Zaps what a notifier, or a change of attributes, takes away. All VM types here have one root for shared and private frames.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_tdp_mmu_unmap_gfn_range(kvm kvm, in kvm_gfn_range range, bool flush)
    {
        // The walk may give up the lock, so a reference keeps the root at hand.
        foreach (kvm_mmu_page root in Roots(kvm))
        {
            if (!kvm_tdp_mmu_get_root(root))
                continue;
            flush = tdp_mmu_zap_leafs(kvm, root, range.start, range.end, range.may_block, flush);
            kvm_tdp_mmu_put_root(kvm, root);
        }

        return flush;
    }

    /// <summary>Installs the translation that a fault asked for.</summary>
    [MustHoldShared("vcpu.kvm.mmu_lock")]
    internal static int kvm_tdp_mmu_map(kvm_vcpu vcpu, ref kvm_page_fault fault)
    {
        kvm kvm = vcpu.kvm;
        kvm_vcpu_arch va = arch_of(vcpu);
        int ret = RET_PF.RETRY;
        X86Mmu.kvm_mmu_hugepage_adjust(vcpu, ref fault);

        rcu_read_lock();
        tdp_iter_start(out tdp_iter iter, Memory(kvm), va.root!, pg_level.PG_LEVEL_4K, fault.gfn);
        for (; iter.valid && iter.gfn < fault.gfn + 1; tdp_iter_next(ref iter))
        {
            if (fault.nx_huge_page_workaround_enabled)
                X86Mmu.disallowed_hugepage_adjust(ref fault, iter.old_spte, iter.level);

            // Somebody takes it away: come back when that is done, rather than build a table for nothing.
            if (is_frozen_spte(iter.old_spte))
                goto retry;
            if (iter.level == fault.goal_level)
                goto map_target_level;
            if (is_shadow_present_pte(iter.old_spte) && !is_large_pte(iter.old_spte))
                continue;

            page sp = X86Mmu.kvm_mmu_memory_cache_alloc(ref va.mmu_page_cache);
            int r = is_shadow_present_pte(iter.old_spte)
                ? tdp_mmu_split_huge_page(kvm, ref iter, sp)
                : tdp_mmu_link_sp(kvm, ref iter, sp);

            // Another vCPU was here first.
            if (r != 0)
            {
                X86Mmu.kvm_mmu_memory_cache_put(ref va.mmu_page_cache, sp);
                goto retry;
            }
        }

        WARN_ON_ONCE(iter.valid && iter.level == fault.goal_level);
        goto retry;

    map_target_level:
        ret = tdp_mmu_map_handle_target_level(vcpu, ref fault, ref iter);
    retry:
        rcu_read_unlock();
        return ret;
    }

    /// <summary>Clears the accessed bits of a range. True if one was set.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_tdp_mmu_age_gfn_range(kvm kvm, in kvm_gfn_range range) => AgeRange(kvm, in range, test_only: false);

    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_tdp_mmu_test_age_gfn(kvm kvm, in kvm_gfn_range range) => AgeRange(kvm, in range, test_only: true);

    /// <summary>Takes W away from the leaves of a range at and above a level, so that the next write is seen.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_tdp_mmu_wrprot_slot(kvm kvm, gfn_t start, gfn_t end, pg_level min_level)
    {
        bool spte_set = false;
        rcu_read_lock();
        foreach (kvm_mmu_page root in Roots(kvm))
        {
            if (root.invalid)
                continue;
            tdp_iter_start(out tdp_iter iter, Memory(kvm), root, min_level, start);
            for (; iter.valid && iter.gfn < end; tdp_iter_next(ref iter))
            {
                if (!is_shadow_present_pte(iter.old_spte) || !is_last_spte(iter.old_spte, iter.level) || !is_writable_pte(iter.old_spte))
                    continue;
                Interlocked.And(ref *iter.sptep, ~PT_WRITABLE_MASK);
                Count(kvm);
                spte_set = true;
            }
        }

        rcu_read_unlock();
        return spte_set;
    }

    /// <summary>The same for single pages: bit n of the mask is page gfn + n.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static void kvm_tdp_mmu_clear_dirty_pt_masked(kvm kvm, gfn_t gfn, ulong mask)
    {
        rcu_read_lock();
        foreach (kvm_mmu_page root in Roots(kvm))
        {
            if (root.invalid)
                continue;
            tdp_iter_start(out tdp_iter iter, Memory(kvm), root, pg_level.PG_LEVEL_4K, gfn);
            for (; iter.valid && iter.gfn < gfn + 64; tdp_iter_next(ref iter))
            {
                if (iter.level > pg_level.PG_LEVEL_4K || iter.gfn < gfn || (mask >> (int)(iter.gfn - gfn) & 1) == 0)
                    continue;
                if (!is_shadow_present_pte(iter.old_spte) || !is_writable_pte(iter.old_spte))
                    continue;
                Interlocked.And(ref *iter.sptep, ~PT_WRITABLE_MASK);
                Count(kvm);
            }
        }

        rcu_read_unlock();
    }

    /// <summary>Zaps tables of a slot whose pages could be mapped by larger leaves, now that dirty logging is off.</summary>
    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_tdp_mmu_recover_huge_pages(kvm kvm, kvm_memory_slot slot)
    {
        bool flush = false;
        gfn_t end = slot.base_gfn + slot.npages;
        rcu_read_lock();
        foreach (kvm_mmu_page root in Roots(kvm))
        {
            if (root.invalid)
                continue;
            tdp_iter_start(out tdp_iter iter, Memory(kvm), root, pg_level.PG_LEVEL_2M, slot.base_gfn);
            for (; iter.valid && iter.gfn < end; tdp_iter_next(ref iter))
            {
                if (iter.level > KVM_MAX_HUGEPAGE_LEVEL || !is_shadow_present_pte(iter.old_spte) || is_large_pte(iter.old_spte))
                    continue;
                if (iter.gfn < slot.base_gfn || iter.gfn + KVM_PAGES_PER_HPAGE(iter.level) > end)
                    continue;
                if (X86Mmu.kvm_mmu_max_mapping_level(kvm, slot, iter.gfn, default, KVM_MAX_HUGEPAGE_LEVEL, false) < iter.level)
                    continue;
                tdp_mmu_iter_set_spte(kvm, ref iter, SHADOW_NONPRESENT_VALUE);
                flush = true;
            }
        }

        rcu_read_unlock();
        return flush;
    }

    /// <summary>The lowest entry on the way to a frame, for a look without a lock. Inside an RCU read-side section for as long as sptep is used.</summary>
    internal static pg_level kvm_tdp_mmu_get_walk(kvm_vcpu vcpu, ulong addr, out ulong spte, out ulong* sptep)
    {
        spte = 0;
        sptep = null;
        pg_level leaf = pg_level.PG_LEVEL_NONE;
        if (arch_of(vcpu).root is not { } root)
            return leaf;
        gfn_t gfn = new(addr >> PAGE_SHIFT);
        tdp_iter_start(out tdp_iter iter, Memory(vcpu.kvm), root, pg_level.PG_LEVEL_4K, gfn);
        for (; iter.valid && iter.gfn < gfn + 1; tdp_iter_next(ref iter))
        {
            leaf = iter.level;
            spte = iter.old_spte;
            sptep = iter.sptep;
        }

        return leaf;
    }

    /// <summary>Gives up the lock in a long walk if somebody wants it.</summary>
    /// <returns>Whether it did; the entry at hand must then not be used.</returns>
    [ContextUnsafe("drops and retakes mmu_lock, in the mode that the caller holds it in")]
    internal static bool tdp_mmu_iter_cond_resched(kvm kvm, ref tdp_iter iter, bool flush, bool shared)
    {
        if (iter.next_last_level_gfn == iter.yielded_gfn)
            return false;
        if (rwlock_needbreak(kvm.mmu_lock) == 0)
            return false;

        // Whoever gets the lock must not find entries gone that CPUs still use.
        if (flush)
            KvmMain.kvm_flush_remote_tlbs(kvm);
        rcu_read_unlock();
        if (shared)
        {
            read_unlock(kvm.mmu_lock);
            cond_resched();
            read_lock(kvm.mmu_lock);
        }
        else
        {
            write_unlock(kvm.mmu_lock);
            cond_resched();
            write_lock(kvm.mmu_lock);
        }

        rcu_read_lock();
        iter.yielded = true;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Count(kvm kvm) => arch_of(kvm).module.host.this_cpu().Count(HwEvent.TdpPteWrite);

    private static PhysicalMemory Memory(kvm kvm) => arch_of(kvm).module.host.memory;

    private static kvm_mmu_page[] Roots(kvm kvm) => Volatile.Read(ref arch_of(kvm).tdp_mmu_roots);

    [MustHold("kvm.mmu_lock")]
    private static bool AgeRange(kvm kvm, in kvm_gfn_range range, bool test_only)
    {
        bool ret = false;
        rcu_read_lock();
        foreach (kvm_mmu_page root in Roots(kvm))
        {
            tdp_iter_start(out tdp_iter iter, Memory(kvm), root, pg_level.PG_LEVEL_4K, range.start);
            for (; iter.valid && iter.gfn < range.end; tdp_iter_next(ref iter))
            {
                if (!is_shadow_present_pte(iter.old_spte) || !is_last_spte(iter.old_spte, iter.level) || !is_accessed_spte(iter.old_spte))
                    continue;
                ret = true;
                if (test_only)
                    goto @out;
                Interlocked.And(ref *iter.sptep, ~shadow_accessed_mask);
                Count(kvm);
            }
        }

    @out:
        rcu_read_unlock();
        return ret;
    }

    private static void tdp_mmu_zap_root(kvm kvm, kvm_mmu_page root, bool shared)
    {
        rcu_read_lock();
        tdp_iter_start(out tdp_iter iter, Memory(kvm), root, (pg_level)root.level, new gfn_t(0));
        for (; iter.valid; tdp_iter_next(ref iter))
        {
            if (tdp_mmu_iter_cond_resched(kvm, ref iter, false, shared))
                continue;
            if (!is_shadow_present_pte(iter.old_spte))
                continue;
            if (!shared)
            {
                lockdep_assert_held_write(kvm.mmu_lock);
                tdp_mmu_iter_set_spte(kvm, ref iter, SHADOW_NONPRESENT_VALUE);
            }
            else if (tdp_mmu_set_spte_atomic(kvm, ref iter, SHADOW_NONPRESENT_VALUE) != 0)
                iter.yielded = true;
        }

        rcu_read_unlock();
    }

    [MustHold("kvm.mmu_lock")]
    private static bool tdp_mmu_zap_leafs(kvm kvm, kvm_mmu_page root, gfn_t start, gfn_t end, bool can_yield, bool flush)
    {
        lockdep_assert_held_write(kvm.mmu_lock);
        rcu_read_lock();
        tdp_iter_start(out tdp_iter iter, Memory(kvm), root, pg_level.PG_LEVEL_4K, start);
        for (; iter.valid && iter.gfn < end; tdp_iter_next(ref iter))
        {
            if (can_yield && tdp_mmu_iter_cond_resched(kvm, ref iter, flush, false))
            {
                flush = false;
                continue;
            }

            if (!is_shadow_present_pte(iter.old_spte) || !is_last_spte(iter.old_spte, iter.level))
                continue;
            tdp_mmu_iter_set_spte(kvm, ref iter, SHADOW_NONPRESENT_VALUE);
            if (!root.invalid)
                flush = true;
        }

        rcu_read_unlock();
        return flush;
    }

    private static int tdp_mmu_map_handle_target_level(kvm_vcpu vcpu, ref kvm_page_fault fault, ref tdp_iter iter)
    {
        int ret = RET_PF.FIXED;
        if (is_shadow_present_pte(iter.old_spte) && is_last_spte(iter.old_spte, iter.level) &&
            (fault.prefetch || X86Mmu.is_access_allowed(in fault, iter.old_spte)))
        {
            WARN_ON_ONCE(fault.pfn != spte_to_pfn(iter.old_spte));
            return RET_PF.SPURIOUS;
        }

        ulong new_spte = fault.slot is null
            ? Spte.make_mmio_spte(vcpu, iter.gfn)
            : Spte.make_spte(vcpu, fault.slot, fault.gfn, fault.pfn, iter.level, fault.prefetch, fault.map_writable);
        ulong old_spte = iter.old_spte;
        if (new_spte == old_spte)
        {
            ret = RET_PF.SPURIOUS;
        }
        else if (tdp_mmu_set_spte_atomic(vcpu.kvm, ref iter, new_spte) != 0)
        {
            return RET_PF.RETRY;
        }
        else if (is_shadow_present_pte(old_spte) && !is_last_spte(old_spte, iter.level))
        {
            // A table gave way to a large leaf: walks through the table may be cached.
            KvmMain.kvm_flush_remote_tlbs(vcpu.kvm);
        }

        return is_mmio_spte(new_spte) ? RET_PF.EMULATE : ret;
    }

    [MustCheck]
    private static int tdp_mmu_link_sp(kvm kvm, ref tdp_iter iter, page sp)
    {
        int ret = tdp_mmu_set_spte_atomic(kvm, ref iter, Spte.make_nonleaf_spte(page_to_pfn(sp) << PAGE_SHIFT));
        if (ret == 0)
            Interlocked.Increment(ref arch_of(kvm).tdp_mmu_pages);
        return ret;
    }

    [MustCheck]
    private static int tdp_mmu_split_huge_page(kvm kvm, ref tdp_iter iter, page sp)
    {
        ulong* table = (ulong*)iter.memory.Host(page_to_pfn(sp) << PAGE_SHIFT);
        for (int i = 0; i < SPTE_ENT_PER_PAGE; i++)
            table[i] = Spte.make_small_spte(iter.old_spte, iter.level, i);

        // The same translations in smaller pieces, so nothing needs to be flushed.
        int ret = tdp_mmu_link_sp(kvm, ref iter, sp);
        if (ret != 0)
            new Span<ulong>(table, SPTE_ENT_PER_PAGE).Fill(SHADOW_NONPRESENT_VALUE);
        return ret;
    }

    /// <summary>Changes an entry if it still is what the walk saw.</summary>
    /// <returns>0, or -EBUSY with old_spte set to what is there now.</returns>
    [MustCheck]
    private static int tdp_mmu_set_spte_atomic(kvm kvm, ref tdp_iter iter, ulong new_spte)
    {
        ulong seen = Interlocked.CompareExchange(ref *iter.sptep, new_spte, iter.old_spte);
        if (seen != iter.old_spte)
        {
            iter.old_spte = seen;
            return -EBUSY;
        }

        Count(kvm);
        handle_changed_spte(kvm, iter.memory, iter.old_spte, new_spte, iter.level, true);
        return 0;
    }

    [MustHold("kvm.mmu_lock")]
    private static void tdp_mmu_iter_set_spte(kvm kvm, ref tdp_iter iter, ulong new_spte) =>
        iter.old_spte = tdp_mmu_set_spte(kvm, iter.memory, iter.sptep, new_spte, iter.level);

    /// <summary>Changes an entry; returns what it was, with the bits that hardware set until now.</summary>
    [MustHold("kvm.mmu_lock")]
    private static ulong tdp_mmu_set_spte(kvm kvm, PhysicalMemory memory, ulong* sptep, ulong new_spte, pg_level level)
    {
        // Frozen is for changes that others may see half-done; nobody else changes entries now.
        WARN_ON_ONCE(is_frozen_spte(new_spte));
        ulong old_spte = Interlocked.Exchange(ref *sptep, new_spte);
        Count(kvm);
        handle_changed_spte(kvm, memory, old_spte, new_spte, level, false);
        return old_spte;
    }

    // Follows up on a change: an unlinked table is emptied and freed.
    private static void handle_changed_spte(kvm kvm, PhysicalMemory memory, ulong old_spte, ulong new_spte, pg_level level, bool shared)
    {
        bool was_present = is_shadow_present_pte(old_spte);
        bool is_present = is_shadow_present_pte(new_spte);
        bool was_leaf = was_present && is_last_spte(old_spte, level);
        bool is_leaf = is_present && is_last_spte(new_spte, level);
        bool pfn_changed = spte_to_pfn(old_spte) != spte_to_pfn(new_spte);

        // A frame is replaced only by way of an entry that is not present, with a flush in between.
        if (was_leaf && is_leaf && pfn_changed)
            throw new KernelOops($"kernel BUG: second-stage leaf changed from {old_spte:x} to {new_spte:x} at level {level}");
        if (was_present && !was_leaf && (is_leaf || !is_present || pfn_changed))
            handle_removed_pt(kvm, memory, old_spte & SPTE_BASE_ADDR_MASK, level - 1, shared);
    }

    private static void handle_removed_pt(kvm kvm, PhysicalMemory memory, ulong pt, pg_level level, bool shared)
    {
        ulong* table = (ulong*)memory.Host(pt);
        for (int i = 0; i < SPTE_ENT_PER_PAGE; i++)
        {
            ulong old_spte;
            if (shared)
            {
                // Frozen, not just empty: a fault that is on its way to this entry must not install anything any more.
                while (true)
                {
                    old_spte = Interlocked.Exchange(ref table[i], FROZEN_SPTE);
                    if (!is_frozen_spte(old_spte))
                        break;
                    cpu_relax();
                }
            }
            else
            {
                if (!is_shadow_present_pte(Volatile.Read(ref table[i])))
                    continue;
                old_spte = Interlocked.Exchange(ref table[i], FROZEN_SPTE);
            }

            if (is_shadow_present_pte(old_spte))
                Count(kvm);
            handle_changed_spte(kvm, memory, old_spte, FROZEN_SPTE, level, shared);
        }

        tdp_mmu_free_sp_rcu(arch_of(kvm), pfn_to_page(kvm.kernel, pt >> PAGE_SHIFT));
    }

    private static void tdp_mmu_free_sp_rcu(kvm_arch arch, page page)
    {
        Interlocked.Decrement(ref arch.tdp_mmu_pages);
        arch.module.free_after_grace_period(page);
    }
}
