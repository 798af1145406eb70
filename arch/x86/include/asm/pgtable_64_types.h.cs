// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/include/asm/pgtable_64_types.h, Linux 6.18; the mm-local region follows the unmapped-allocation series v2.
namespace Linux;

// Upper half of the address space, four-level paging, without randomisation:
//
//   ffff880000000000  mm-local: LDT, then the per-mm ephemeral mappings (one PGD entry, differs between address spaces)
//   ffff888000000000  direct map of all physical memory, 64 TiB
//   ffffc90000000000  vmalloc and ioremap, 32 TiB
//   ffffffff80000000  kernel image
internal static class Pgtable64TypesH
{
    internal const ulong __PAGE_OFFSET_BASE_L4 = 0xffff888000000000;
    internal const ulong __VMALLOC_BASE_L4 = 0xffffc90000000000;
    internal const ulong VMALLOC_SIZE_TB_L4 = 32;
    internal const ulong __START_KERNEL_map = 0xffffffff80000000;
    internal const ulong KERNEL_IMAGE_SIZE = 1UL << 30;
    internal const ulong MAX_DIRECT_MAP_BYTES = 64UL << 40;

    internal const ulong MM_LOCAL_PGD_ENTRY = unchecked((ulong)-240L);
    internal const ulong MM_LOCAL_BASE_ADDR = unchecked(MM_LOCAL_PGD_ENTRY << PGDIR_SHIFT);
    internal const ulong MM_LOCAL_START_ADDR = MM_LOCAL_BASE_ADDR;
    internal const ulong MM_LOCAL_END_ADDR = MM_LOCAL_START_ADDR + (1UL << PGDIR_SHIFT);

    internal const ulong LDT_BASE_ADDR = MM_LOCAL_BASE_ADDR;
    internal const ulong LDT_END_ADDR = LDT_BASE_ADDR + PMD_SIZE;

    /// <summary>Ephemeral mappings begin at the next PMD, so that freeing the LDT's table never meets them.</summary>
    internal const ulong MERMAP_BASE_ADDR = LDT_END_ADDR;

    /// <summary>Address space of one CPU's ephemeral mappings: one page table.</summary>
    internal const ulong MERMAP_CPU_REGION_SIZE = PMD_SIZE;

    internal const ulong TASK_SIZE_MAX = (1UL << 47) - PAGE_SIZE;
}
