// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/mmu/spte.h, Linux 6.18.
namespace Linux;

// Entries are in the format of extended page tables: R, W, X in bits 0 to 2, accessed 8, dirty 9. Bits that hardware ignores:
//
//   11  MMU_PRESENT   the entry is KVM's: a leaf or a table. Not set in MMIO entries, which have W and X without R and so always exit.
//   57  HOST_WRITABLE the host mapping allows writes
//   58  MMU_WRITABLE  KVM allows writes; W may be clear for dirty logging
//   63  in empty entries
internal static class SpteH
{
    internal const ulong SPTE_READABLE = 1;
    internal const ulong PT_WRITABLE_MASK = 1 << 1;
    internal const ulong SPTE_EXECUTABLE = 1 << 2;
    internal const ulong SPTE_MEMORY_TYPE_WB = 6 << 3;
    internal const ulong SPTE_IGNORE_PAT = 1 << 6;
    internal const ulong PT_PAGE_SIZE_MASK = 1 << 7;
    internal const ulong shadow_accessed_mask = 1 << 8;
    internal const ulong shadow_dirty_mask = 1 << 9;
    internal const ulong SPTE_MMU_PRESENT_MASK = 1 << 11;
    internal const ulong shadow_host_writable_mask = 1UL << 57;
    internal const ulong shadow_mmu_writable_mask = 1UL << 58;
    internal const ulong SPTE_BASE_ADDR_MASK = 0x000f_ffff_ffff_f000;

    internal const ulong SHADOW_NONPRESENT_VALUE = 1UL << 63;

    /// <summary>An entry whose table or page is on its way out: whoever meets it comes back later.</summary>
    internal const ulong FROZEN_SPTE = SHADOW_NONPRESENT_VALUE | 0x5a0;

    internal const ulong shadow_mmio_value = PT_WRITABLE_MASK | SPTE_EXECUTABLE;
    internal const ulong shadow_mmio_mask = SPTE_READABLE | PT_WRITABLE_MASK | SPTE_EXECUTABLE;

    internal const int MMIO_SPTE_GEN_LOW_SHIFT = 3;
    internal const int MMIO_SPTE_GEN_LOW_BITS = 8;
    internal const int MMIO_SPTE_GEN_HIGH_SHIFT = 52;
    internal const int MMIO_SPTE_GEN_HIGH_BITS = 11;
    internal const ulong MMIO_SPTE_GEN_MASK = (1UL << (MMIO_SPTE_GEN_LOW_BITS + MMIO_SPTE_GEN_HIGH_BITS)) - 1;

    internal const int SPTE_ENT_PER_PAGE = 512;

    internal static int SPTE_INDEX(ulong address, pg_level level) => (int)(address >> (PAGE_SHIFT + (((int)level - 1) * 9))) & (SPTE_ENT_PER_PAGE - 1);

    internal static bool is_shadow_present_pte(ulong pte) => (pte & SPTE_MMU_PRESENT_MASK) != 0;

    internal static bool is_large_pte(ulong pte) => (pte & PT_PAGE_SIZE_MASK) != 0;

    internal static bool is_last_spte(ulong pte, pg_level level) => level == pg_level.PG_LEVEL_4K || is_large_pte(pte);

    internal static bool is_frozen_spte(ulong spte) => spte == FROZEN_SPTE;

    internal static bool is_mmio_spte(ulong spte) => !is_shadow_present_pte(spte) && (spte & shadow_mmio_mask) == shadow_mmio_value;

    internal static bool is_writable_pte(ulong pte) => (pte & PT_WRITABLE_MASK) != 0;

    internal static bool is_accessed_spte(ulong spte) => (spte & shadow_accessed_mask) != 0;

    internal static bool is_mmu_writable_spte(ulong spte) => (spte & shadow_mmu_writable_mask) != 0;

    internal static kvm_pfn_t spte_to_pfn(ulong pte) => new((pte & SPTE_BASE_ADDR_MASK) >> PAGE_SHIFT);

    internal static gfn_t get_mmio_spte_gfn(ulong spte) => new((spte & SPTE_BASE_ADDR_MASK) >> PAGE_SHIFT);

    internal static ulong get_mmio_spte_generation(ulong spte)
    {
        ulong gen = (spte >> MMIO_SPTE_GEN_LOW_SHIFT) & ((1UL << MMIO_SPTE_GEN_LOW_BITS) - 1);
        return gen | (((spte >> MMIO_SPTE_GEN_HIGH_SHIFT) & ((1UL << MMIO_SPTE_GEN_HIGH_BITS) - 1)) << MMIO_SPTE_GEN_LOW_BITS);
    }
}
