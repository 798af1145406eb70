// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/mmu/spte.c, Linux 6.18.
namespace Linux;

internal static class Spte
{
    /// <summary>An entry that exits on any access and tells which frame it is about. Void when the memslots change: it carries their generation.</summary>
    internal static ulong make_mmio_spte(kvm_vcpu vcpu, gfn_t gfn)
    {
        ulong gen = KvmMain.kvm_vcpu_memslots(vcpu).generation & MMIO_SPTE_GEN_MASK;
        return generation_mmio_spte_mask(gen) | shadow_mmio_value | ((gfn.Value << PAGE_SHIFT) & SPTE_BASE_ADDR_MASK);
    }

    internal static ulong make_nonleaf_spte(ulong child_pt) =>
        SPTE_MMU_PRESENT_MASK | SPTE_READABLE | PT_WRITABLE_MASK | SPTE_EXECUTABLE | shadow_accessed_mask | child_pt;

    /// <summary>
    /// A leaf. What is mapped for writing counts as dirty from now on: there is no later moment at which KVM would hear of the write.
    /// </summary>
    internal static ulong make_spte(kvm_vcpu vcpu, kvm_memory_slot slot, gfn_t gfn, kvm_pfn_t pfn, pg_level level, bool prefetch, bool host_writable)
    {
        ulong spte = SPTE_MMU_PRESENT_MASK | SPTE_READABLE | SPTE_EXECUTABLE | SPTE_MEMORY_TYPE_WB | SPTE_IGNORE_PAT;
        if (!prefetch)
            spte |= shadow_accessed_mask;
        if (level > pg_level.PG_LEVEL_4K)
            spte |= PT_PAGE_SIZE_MASK;
        spte |= pfn.Value << PAGE_SHIFT;
        if (!host_writable)
            return spte;

        spte |= shadow_host_writable_mask | shadow_mmu_writable_mask | PT_WRITABLE_MASK | shadow_dirty_mask;
        if (slot.dirty_bitmap is not null)
        {
            // A large leaf would hide which of its pages are written.
            WARN_ON_ONCE(level > pg_level.PG_LEVEL_4K);
            KvmMain.mark_page_dirty_in_slot(vcpu.kvm, slot, gfn);
        }

        return spte;
    }

    /// <summary>One page of a large leaf, with the leaf's rights.</summary>
    internal static ulong make_small_spte(ulong huge_spte, pg_level level, int index)
    {
        ulong child = huge_spte + ((ulong)index * (X86KvmHostH.KVM_PAGES_PER_HPAGE(level - 1) << PAGE_SHIFT));
        return level - 1 == pg_level.PG_LEVEL_4K ? child & ~PT_PAGE_SIZE_MASK : child;
    }

    private static ulong generation_mmio_spte_mask(ulong gen)
    {
        ulong mask = (gen & ((1UL << MMIO_SPTE_GEN_LOW_BITS) - 1)) << MMIO_SPTE_GEN_LOW_SHIFT;
        return mask | ((gen >> MMIO_SPTE_GEN_LOW_BITS) << MMIO_SPTE_GEN_HIGH_SHIFT);
    }
}
