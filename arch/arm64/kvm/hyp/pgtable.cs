// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/kvm/hyp/pgtable.c, Linux 6.18.
namespace Linux;

// Faults of several vCPUs walk and fill the tables at the same time, with mmu_lock held for reading: an entry is taken by replacing what was
// seen with KVM_INVALID_PTE_LOCKED; whoever comes second gives up with -EAGAIN and lets the guest fault again. Unmapping, ageing and write
// protection hold mmu_lock for writing and are alone.
//
// A page that is a table has one reference more than entries in use. When only that one is left, the table goes.

[Flags]
internal enum kvm_pgtable_prot
{
    KVM_PGTABLE_PROT_X = 1 << 0,
    KVM_PGTABLE_PROT_W = 1 << 1,
    KVM_PGTABLE_PROT_R = 1 << 2,
}

/// <summary>The tables of a second stage: four levels, 4 KiB leaves.</summary>
internal sealed class kvm_pgtable
{
    internal required kvm_s2_mmu mmu { get; init; }
    internal required Arm64Arch arch { get; init; }

    /// <summary>Bits of addresses.</summary>
    internal required int ia_bits { get; init; }

    /// <summary>Physical address of the top-level table.</summary>
    internal required ulong pgd { get; init; }
}

internal static unsafe class Arm64KvmPgtable
{
    internal const int Levels = 4;

    /// <summary>Attributes of memory: normal, write-back.</summary>
    private const ulong KVM_PTE_LEAF_ATTR_LO_S2_MEMATTR = 0xfUL << 2;
    private const ulong KVM_PTE_LEAF_ATTR_LO_S2_SH = 3UL << 8;
    private const ulong KVM_PTE_LEAF_ATTR_S2_PERMS = Arm64Stage2.Readable | Arm64Stage2.Writable | Arm64Stage2.NoExecute;

    /// <summary>Somebody is changing the entry. Not valid, so hardware faults.</summary>
    private const ulong KVM_INVALID_PTE_LOCKED = 1UL << 10;

    internal static bool HasStage2Fwb(Arm64Arch arch) => (arch.machine.Config.Features & CpuFeatures.ArmS2Fwb) != 0;

    [MustCheck]
    internal static kvm_pgtable? kvm_pgtable_stage2_init(Arm64Arch arch, kvm_s2_mmu mmu, int ia_bits)
    {
        page page = alloc_page(GFP_KERNEL_ACCOUNT | gfp_t.__GFP_ZERO);
        return page.IS_NULL ? null : new kvm_pgtable { mmu = mmu, arch = arch, ia_bits = ia_bits, pgd = page_to_pfn(page) << PAGE_SHIFT };
    }

    /// <summary>Unmaps everything and frees the tables. Nobody else uses them any more.</summary>
    internal static void kvm_pgtable_stage2_destroy(kvm_pgtable pgt)
    {
        kvm_pgtable_stage2_unmap(pgt, 0, 1UL << pgt.ia_bits);
        page root = Page(pgt, pgt.pgd);
        WARN_ON_ONCE(PageRefH.page_ref_count(root) != 1, "entries are left in the top-level table of a second stage");
        put_page(root);
    }

    /// <summary>
    /// Maps one page. Without forced write-back the cache is cleaned for it first, by its linear address.
    /// </summary>
    /// <returns>0; -EAGAIN if another CPU is at it, or only rights would change; -ENOMEM with an empty cache.</returns>
    [MustCheck]
    [MustHoldShared("pgt.mmu.kvm.mmu_lock")]
    internal static int kvm_pgtable_stage2_map(kvm_pgtable pgt, ulong addr, ulong phys, kvm_pgtable_prot prot, arm64_mmu_memory_cache mc)
    {
        ulong* entry = null;
        ulong table = pgt.pgd;
        for (int level = Levels; level > 1; level--)
        {
            entry = Entry(pgt, table, addr, level);
            ulong old = Volatile.Read(ref *entry);
            if ((old & Arm64Stage2.Valid) == 0)
            {
                if (old != 0)
                    return -EAGAIN;
                page child = Arm64KvmMmu.kvm_mmu_memory_cache_alloc(mc);
                if (child.IS_NULL)
                    return -ENOMEM;
                ulong made = (page_to_pfn(child) << PAGE_SHIFT) | Arm64Stage2.Valid | Arm64Stage2.Table;
                if (Interlocked.CompareExchange(ref *entry, made, 0) != 0)
                {
                    Arm64KvmMmu.kvm_mmu_memory_cache_free(mc, child);
                    return -EAGAIN;
                }

                get_page(Page(pgt, table));
                pgt.arch.this_cpu().Count(HwEvent.TdpPteWrite);
                old = made;
            }

            table = old & PTE_ADDR_MASK;
        }

        return stage2_map_walker_try_leaf(pgt, Entry(pgt, table, addr, 1), table, phys, prot);
    }

    /// <summary>Gives an existing entry more rights.</summary>
    [MustHoldShared("pgt.mmu.kvm.mmu_lock")]
    internal static int kvm_pgtable_stage2_relax_perms(kvm_pgtable pgt, ulong addr, kvm_pgtable_prot prot)
    {
        ulong set = 0;
        ulong clr = 0;
        if ((prot & kvm_pgtable_prot.KVM_PGTABLE_PROT_R) != 0)
            set |= Arm64Stage2.Readable;
        if ((prot & kvm_pgtable_prot.KVM_PGTABLE_PROT_W) != 0)
            set |= Arm64Stage2.Writable;
        if ((prot & kvm_pgtable_prot.KVM_PGTABLE_PROT_X) != 0)
            clr |= Arm64Stage2.NoExecute;
        int ret = stage2_update_leaf_attrs(pgt, addr, set, clr, out _);
        if (ret == 0)
            kvm_tlb_flush_vmid(pgt);
        return ret;
    }

    [MustHoldShared("pgt.mmu.kvm.mmu_lock")]
    internal static void kvm_pgtable_stage2_mkyoung(kvm_pgtable pgt, ulong addr) =>
        _ = stage2_update_leaf_attrs(pgt, addr, Arm64Stage2.AccessFlag, 0, out _);

    /// <summary>Says whether a page of the range was used, and forgets it if asked to. Stale translations may hide later uses; that is allowed.</summary>
    internal static bool kvm_pgtable_stage2_test_clear_young(kvm_pgtable pgt, ulong addr, ulong size, bool mkold)
    {
        bool young = false;
        for (ulong at = addr; at < addr + size; at += PAGE_SIZE)
        {
            if (stage2_update_leaf_attrs(pgt, at, 0, mkold ? Arm64Stage2.AccessFlag : 0, out ulong old) == 0)
                young |= (old & Arm64Stage2.AccessFlag) != 0;
        }

        return young;
    }

    /// <summary>Takes the right to write from the range. The caller flushes.</summary>
    [MustHold("pgt.mmu.kvm.mmu_lock")]
    internal static void kvm_pgtable_stage2_wrprotect(kvm_pgtable pgt, ulong addr, ulong size)
    {
        for (ulong at = addr; at < addr + size; at += PAGE_SIZE)
            _ = stage2_update_leaf_attrs(pgt, at, 0, Arm64Stage2.Writable | Arm64Stage2.DirtyModifier, out _);
    }

    /// <summary>Removes what is mapped in the range. When it returns no CPU translates by it. Under mmu_lock held for writing, or after the last user.</summary>
    internal static void kvm_pgtable_stage2_unmap(kvm_pgtable pgt, ulong addr, ulong size)
    {
        bool removed = false;
        UnmapTable(pgt, pgt.pgd, Levels, addr, addr + size, ref removed);
        if (removed && stage2_unmap_defer_tlb_flush(pgt))
            kvm_tlb_flush_vmid(pgt);
    }

    /// <summary>The value of the entry that ends the walk for an address; 0 where there is no table.</summary>
    internal static ulong kvm_pgtable_get_leaf(kvm_pgtable pgt, ulong addr)
    {
        ulong table = pgt.pgd;
        for (int level = Levels; level > 1; level--)
        {
            ulong val = Volatile.Read(ref *Entry(pgt, table, addr, level));
            if ((val & Arm64Stage2.Valid) == 0)
                return 0;
            table = val & PTE_ADDR_MASK;
        }

        return Volatile.Read(ref *Entry(pgt, table, addr, 1));
    }

    /// <summary>Drops all translations of the VM on all CPUs. Any context.</summary>
    internal static void kvm_tlb_flush_vmid(kvm_pgtable pgt) =>
        pgt.arch.machine.BroadcastInvalidate(pgt.arch.this_cpu(), ShootdownKind.Guest, asid: pgt.mmu.vmid);

    private static int stage2_map_walker_try_leaf(kvm_pgtable pgt, ulong* entry, ulong table, ulong phys, kvm_pgtable_prot prot)
    {
        ulong val = phys | Arm64Stage2.Valid | Arm64Stage2.Table | Arm64Stage2.AccessFlag | stage2_set_prot_attr(prot);
        ulong old = Volatile.Read(ref *entry);
        if (old == KVM_INVALID_PTE_LOCKED)
            return -EAGAIN;

        // The same page with other rights is for relax_perms(); if that is still needed the guest comes again.
        if ((old & Arm64Stage2.Valid) != 0 && (old & ~(KVM_PTE_LEAF_ATTR_S2_PERMS | Arm64Stage2.AccessFlag)) == (val & ~(KVM_PTE_LEAF_ATTR_S2_PERMS | Arm64Stage2.AccessFlag)))
            return -EAGAIN;
        if (Interlocked.CompareExchange(ref *entry, KVM_INVALID_PTE_LOCKED, old) != old)
            return -EAGAIN;

        // Break before make: nobody may hold the old translation when the new one appears.
        if ((old & Arm64Stage2.Valid) != 0)
            kvm_tlb_flush_vmid(pgt);
        else
            get_page(Page(pgt, table));
        if (!HasStage2Fwb(pgt.arch))
            CleanInvalidate(pgt, phys);
        Volatile.Write(ref *entry, val);
        pgt.arch.this_cpu().Count(HwEvent.TdpPteWrite);
        return 0;
    }

    private static ulong stage2_set_prot_attr(kvm_pgtable_prot prot)
    {
        ulong attr = KVM_PTE_LEAF_ATTR_LO_S2_MEMATTR | KVM_PTE_LEAF_ATTR_LO_S2_SH;
        if ((prot & kvm_pgtable_prot.KVM_PGTABLE_PROT_X) == 0)
            attr |= Arm64Stage2.NoExecute;
        if ((prot & kvm_pgtable_prot.KVM_PGTABLE_PROT_R) != 0)
            attr |= Arm64Stage2.Readable;
        if ((prot & kvm_pgtable_prot.KVM_PGTABLE_PROT_W) != 0)
            attr |= Arm64Stage2.Writable;
        return attr;
    }

    private static int stage2_update_leaf_attrs(kvm_pgtable pgt, ulong addr, ulong attr_set, ulong attr_clr, out ulong orig)
    {
        orig = 0;
        ulong table = pgt.pgd;
        for (int level = Levels; level > 1; level--)
        {
            ulong val = Volatile.Read(ref *Entry(pgt, table, addr, level));
            if ((val & Arm64Stage2.Valid) == 0)
                return -EAGAIN;
            table = val & PTE_ADDR_MASK;
        }

        ulong* entry = Entry(pgt, table, addr, 1);
        orig = Volatile.Read(ref *entry);
        if ((orig & Arm64Stage2.Valid) == 0)
            return -EAGAIN;
        ulong pte = (orig & ~attr_clr) | attr_set;
        if (pte == orig)
            return 0;
        if (Interlocked.CompareExchange(ref *entry, pte, orig) != orig)
            return -EAGAIN;
        pgt.arch.this_cpu().Count(HwEvent.TdpPteWrite);
        return 0;
    }

    // One invalidation after the whole range, where it is cheap to name a range and the cache needs no care page by page.
    private static bool stage2_unmap_defer_tlb_flush(kvm_pgtable pgt) => Arm64TlbflushH.system_supports_tlb_range(pgt.arch) && HasStage2Fwb(pgt.arch);

    private static void UnmapTable(kvm_pgtable pgt, ulong table, int level, ulong addr, ulong end, ref bool removed)
    {
        int shift = PAGE_SHIFT + (9 * (level - 1));
        for (ulong next; addr < end; addr = next)
        {
            next = Math.Min(end, (addr & ~((1UL << shift) - 1)) + (1UL << shift));
            ulong* entry = Entry(pgt, table, addr, level);
            ulong val = Volatile.Read(ref *entry);
            if ((val & Arm64Stage2.Valid) == 0)
                continue;
            if (level == 1)
            {
                stage2_unmap_put_pte(pgt, entry, table);
                removed = true;
                if (!stage2_unmap_defer_tlb_flush(pgt))
                    kvm_tlb_flush_vmid(pgt);
                if (!HasStage2Fwb(pgt.arch))
                    CleanInvalidate(pgt, val & PTE_ADDR_MASK);
                continue;
            }

            ulong child = val & PTE_ADDR_MASK;
            UnmapTable(pgt, child, level - 1, addr, next, ref removed);
            page page = Page(pgt, child);
            if (PageRefH.page_ref_count(page) != 1)
                continue;

            // CPUs may hold the way to the table: it is not free before that is gone.
            stage2_unmap_put_pte(pgt, entry, table);
            kvm_tlb_flush_vmid(pgt);
            put_page(page);
        }
    }

    private static void stage2_unmap_put_pte(kvm_pgtable pgt, ulong* entry, ulong table)
    {
        Interlocked.Exchange(ref *entry, 0);
        pgt.arch.this_cpu().Count(HwEvent.TdpPteWrite);
        put_page(Page(pgt, table));
    }

    private static void CleanInvalidate(kvm_pgtable pgt, ulong phys)
    {
        ulong va = __phys_to_virt(pgt.arch, phys);
        CacheS.dcache_clean_inval_poc(va, va + PAGE_SIZE);
    }

    private static page Page(kvm_pgtable pgt, ulong table) => pfn_to_page(pgt.arch.kernel, table >> PAGE_SHIFT);

    private static ulong* Entry(kvm_pgtable pgt, ulong table, ulong addr, int level) =>
        (ulong*)pgt.arch.memory.Host(table) + ((addr >> (PAGE_SHIFT + (9 * (level - 1)))) & (PTRS_PER_PTE - 1));
}
