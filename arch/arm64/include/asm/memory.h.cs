// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/asm/memory.h, Linux 6.18.
namespace Linux;

// Upper half of the address space, 48 bits, without randomisation:
//
//   ffff000000000000  linear map of all physical memory, 128 TiB
//   ffff800000000000  modules, 2 GiB
//   ffff800080000000  vmalloc and the kernel image
//   fffffdffc0000000  array of page descriptors
internal static class Arm64MemoryH
{
    internal const int VA_BITS = 48;
    internal const ulong SZ_2G = 2UL << 30;

    internal const ulong PAGE_OFFSET = unchecked(0 - (1UL << VA_BITS));
    internal const ulong PAGE_END = unchecked(0 - (1UL << (VA_BITS - 1)));
    internal const ulong MODULES_VADDR = PAGE_END;
    internal const ulong MODULES_END = MODULES_VADDR + SZ_2G;
    internal const ulong VMEMMAP_END = unchecked(0 - (1UL << 30));
    internal const ulong VMEMMAP_START = VMEMMAP_END - (((PAGE_END - PAGE_OFFSET) >> PAGE_SHIFT) * 64);
    internal const ulong VMALLOC_START = MODULES_END;
    internal const ulong VMALLOC_END = VMEMMAP_START - (8UL << 20);

    internal const ulong TASK_SIZE_64 = 1UL << VA_BITS;

    /// <summary>The linear map begins at physical memory rounded down to this, so that the largest leaves fit.</summary>
    internal const ulong ARM64_MEMSTART_ALIGN = 1UL << PUD_SHIFT;

    internal static ulong __phys_to_virt(Arm64Arch arch, ulong phys) => (phys - arch.memstart_addr) + PAGE_OFFSET;

    internal static ulong __virt_to_phys(Arm64Arch arch, ulong virt) => (virt - PAGE_OFFSET) + arch.memstart_addr;

    internal static bool __is_lm_address(ulong addr) => addr >= PAGE_OFFSET && addr < PAGE_END;
}
