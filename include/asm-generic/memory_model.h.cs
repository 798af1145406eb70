// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/asm-generic/memory_model.h, Linux 6.18.
namespace Linux;

/// <summary>
/// The page array. It is one native region, aligned so that the array's start, and through the word before it the kernel that owns it,
/// follow from any handle: page_to_pfn() needs no context.
/// </summary>
internal static unsafe class MemoryModelH
{
    /// <summary>Bytes of address space a page array may span: 2^36, which is 2^30 pages or 4 TiB of memory.</summary>
    internal const ulong VMEMMAP_SPAN = 1UL << 36;

    /// <summary>Bytes before the array that hold its header.</summary>
    internal const ulong VMEMMAP_HEADER = 4096;

    internal static ulong page_to_pfn(page page) => (page.Word & (VMEMMAP_SPAN - 1)) / PageFrame.Size;

    internal static page pfn_to_page(Kernel kernel, ulong pfn) => new(kernel.vmemmap + pfn);

    /// <summary>The kernel whose page this is.</summary>
    internal static Kernel page_kernel(page page)
    {
        nint* header = (nint*)((page.Word & ~(VMEMMAP_SPAN - 1)) - VMEMMAP_HEADER);
        return (Kernel)GCHandle.FromIntPtr(*header).Target!;
    }

    internal static ulong page_to_phys(page page) => page_to_pfn(page) << MmH.PAGE_SHIFT;

    internal static page phys_to_page(Kernel kernel, ulong phys) => pfn_to_page(kernel, phys >> MmH.PAGE_SHIFT);

    internal static ulong folio_pfn(folio folio) => (folio.Word & (VMEMMAP_SPAN - 1)) / PageFrame.Size;

    internal static Kernel folio_kernel(folio folio) => page_kernel(new page(folio.Frame));
}
